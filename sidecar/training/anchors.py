"""Which words gate the score: an attack must have one of them, and other texts should rarely."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from sidecar.core.lexicon import Lexicon, fold, tokenise

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sidecar.training.corpus import Record

# Concepts all of whose rare words are anchors, whether the training texts needed them or not.
STRONG = frozenset(
    {
        "agentread", "fromnow", "jailname", "mode", "override", "persona", "placeholder", "secret", "staychar",
        "sysprompt", "tworesp", "unrestricted", "userdata", "younow",
    }
)  # fmt: skip
# Share of benign texts, the mean over their sources, in which such a word may occur.
RARE = 0.004
# What a benign text that fires costs against an attack that is covered, when a cover is chosen.
_COST = 1e-4


def expression(entry: str) -> str:
    """Return the expression of a lexicon's entry: bounded, without look-around, good for every engine."""
    words = [word.rstrip("*") for word in entry.split()]
    if not entry.isascii():
        return r"\s{0,3}".join(re.escape(word) for word in words)
    parts = [re.escape(part) for word in words for part in tokenise(fold(word))]
    ending = "" if entry.endswith("*") else r"\b"
    return r"\b" + r"\W{1,2}".join(parts) + ending


def choose(entries: Mapping[str, Iterable[str]], records: Sequence[Record], must: Any) -> list[str]:
    """Choose the anchors.

    Args:
        entries: the lexicons, words by concept.
        records: texts.
        must: which of them have to be covered, a mask: attacks that the model would find.

    Returns:
        Entries, in alphabetical order.
    """
    words = sorted({word for group in entries.values() for word in group})
    finder = Lexicon({word: (word,) for word in words})
    fired = [_fired(finder, record.text, len(words)) for record in records]
    rate = _benign_rate(records, fired)
    strong = {word for concept, group in entries.items() if concept in STRONG for word in group}
    chosen = {number for number, word in enumerate(words) if word in strong and rate[number] <= RARE}
    waiting = [numbers for numbers, needed in zip(fired, must, strict=True) if needed and not numbers & chosen]
    while waiting:
        count = Counter(number for numbers in waiting for number in numbers)
        if not count:
            break
        best = max(count, key=lambda number: (count[number] / (rate[number] + _COST), words[number]))
        chosen.add(best)
        waiting = [numbers for numbers in waiting if best not in numbers]
    return sorted(words[number] for number in chosen if not _is_implied(finder, words[number], number, chosen))


def _is_implied(finder: Lexicon, word: str, number: int, chosen: set[int]) -> bool:
    """Say whether a part of an entry is an anchor of its own, so that the whole one adds nothing but work."""
    tokens = tokenise(fold(word.replace("*", "")))
    return any(other in chosen for _, _, other in finder.occurrences(tokens) if other != number)


def _fired(finder: Lexicon, text: str, many: int) -> frozenset[int]:
    tokens = tokenise(fold(text))
    return frozenset(number for _, _, number in finder.occurrences(tokens) if number < many)


def _benign_rate(records: Sequence[Record], fired: Sequence[frozenset[int]]) -> dict[int, float]:
    size: Counter[str] = Counter()
    count: dict[str, Counter[int]] = defaultdict(Counter)
    for record, numbers in zip(records, fired, strict=True):
        if not record.is_attack and not record.source.startswith("own:"):
            size[record.source] += 1
            count[record.source].update(numbers)
    rate: dict[int, float] = defaultdict(float)
    for source, counted in count.items():
        for number, times in counted.items():
            rate[number] += times / size[source] / len(size)
    return rate
