"""Reads each word from its end, the words in their order."""

from __future__ import annotations

import re

from sidecar.core.transforms import reverse
from sidecar.core.transforms.reading import Reading, substitute

SIGNS = reverse.SIGNS
_TOKEN = re.compile(r"\S+")
_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)?")
# A token that begins like this, or ends like that, was turned with its punctuation.
_CLOSING, _OPENING = frozenset(".,:;!?)]}"), frozenset("([{")


def undo(text: str) -> Reading | None:
    """Reverse every word; what ends a sentence is turned with it where it stands in front."""
    return substitute(_TOKEN, _turn, text)


def _turn(found: re.Match[str]) -> str:
    token = found[0]
    return (
        token[::-1] if token[0] in _CLOSING or token[-1] in _OPENING else _WORD.sub(lambda word: word[0][::-1], token)
    )
