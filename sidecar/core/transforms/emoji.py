"""Takes emoji out of words: between letters they split a word, between words they stand for a space."""

from __future__ import annotations

import re

from sidecar.core.transforms.reading import Reading, Sign, substitute
from sidecar.core.transforms.words import OTHER_LETTERS, are_words

_EMOJI = "\u2190-\u21ff\u2300-\u27bf\u2900-\u2bff\U0001f000-\U0001f1e5\U0001f200-\U0001faff"
SIGNS = (Sign(f"[a-z][{_EMOJI}]"), Sign(f"[{OTHER_LETTERS}][{_EMOJI}]"))
_JOINED = f"[{_EMOJI}\ufe0f\u200d\U0001f1e6-\U0001f1ff]"
_SPLIT = re.compile(rf"(?<![^\W\d_])[^\W\d_]++(?:{_JOINED}{{1,8}}[^\W\d_]++)+")
_RUN = re.compile(f"{_JOINED}+")


def undo(text: str) -> Reading | None:
    """Join what emoji split; where every part is a word of its own, they become spaces."""
    return substitute(_SPLIT, _join, text)


def _join(found: re.Match[str]) -> str:
    parts = _RUN.split(found[0])
    return (" " if are_words(parts) else "").join(parts)
