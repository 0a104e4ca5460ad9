"""Texts to measure with; of no interest to any rule."""

from __future__ import annotations

# About one kilobyte.
CLEAN_TEXT = ("The harbour lights were bright and the market closed late, so we walked home along the river. " * 11)[
    :1024
]


def clean(length: int) -> str:
    """Return clean text of a length in code points."""
    return (CLEAN_TEXT * (length // len(CLEAN_TEXT) + 1))[:length]
