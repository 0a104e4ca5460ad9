"""Makes `sidecar/core/transforms/vocabulary.py`, English words by which glued text is parted: `python -m sidecar.training.vocabulary`.

The words are our own: those of the English lexicon, of the grammars, and of `words.py`; most frequent ones first.
"""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from pathlib import Path

import yaml

from sidecar.core.transforms.words import WORDS
from sidecar.training.grammar import generate

TARGET = Path(__file__).parent.parent / "core" / "transforms" / "vocabulary.py"
LEXICON = Path(__file__).parent.parent.parent / "rules" / "score" / "concepts" / "en.yaml"
_SEED = 7
_WORD = re.compile(r"(?<![A-Za-z0-9'@./_-])[a-z]{2,14}(?![A-Za-z0-9'@/_-]|\.[a-z])")
# Words of two letters that other words are full of; the rest of them are abbreviations.
_SHORT = frozenset(
    [
        "am",
        "an",
        "as",
        "at",
        "be",
        "by",
        "do",
        "go",
        "he",
        "hi",
        "if",
        "in",
        "is",
        "it",
        "me",
        "my",
        "no",
        "of",
        "oh",
        "ok",
        "on",
        "or",
        "so",
        "to",
        "up",
        "us",
        "we",
    ]
)
# Letters of a part, at least.
_PART = 4
_HEADER = '''"""English words by which glued text is parted, the most frequent ones first; made by `sidecar.training.vocabulary`."""

VOCABULARY = """
'''


def collect() -> list[str]:
    """Return the words, the most frequent ones first."""
    texts = [record.text.lower() for record in generate(_SEED) if record.lang == "en"]
    counts = Counter(word for text in texts for word in set(_WORD.findall(text)))
    entries = yaml.safe_load(LEXICON.read_text("utf-8")).values()
    counts.update(word for line in entries for word in _WORD.findall(line))
    counts.update(word for word in WORDS if len(word) > 1)
    kept = [word for word in counts if (len(word) > 2 or word in _SHORT) and not _is_glued(word, counts)]
    return sorted(kept, key=lambda word: (-counts[word], word))


def _is_glued(word: str, known: Counter[str]) -> bool:
    """Say whether a word is two others, as lexicons write `systemprompt`; `without` and its like are no such."""
    cuts = range(_PART, len(word) - _PART + 1)
    return word not in WORDS and any(word[:cut] in known and word[cut:] in known for cut in cuts)


def main() -> None:
    """Write the module."""
    lines = textwrap.fill(" ".join(collect()), 116, break_long_words=False, break_on_hyphens=False)
    TARGET.write_text(
        f'{_HEADER}{lines}\n""".split()  # noqa: SIM905 - thousands of quoted strings are no list to read\n'
    )


if __name__ == "__main__":
    main()
