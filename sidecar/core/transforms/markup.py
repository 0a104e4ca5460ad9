"""Drops HTML comments and inline tags, which split words without showing; other tags are spaces."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sidecar.core.transforms.reading import Edit, Reading, Sign, rewrite
from sidecar.core.transforms.words import OTHER_LETTERS

SIGNS = (Sign("<!--"), Sign(r"[a-z]</?[a-z]"), Sign(f"[{OTHER_LETTERS}]</?[a-z]"))
_OPENING = re.compile(r"<!--|</?([a-zA-Z][a-zA-Z0-9]{0,15})(?:\s[^<>]{0,256})?/?>")
_INLINE = frozenset(
    [
        "a",
        "abbr",
        "b",
        "bdi",
        "bdo",
        "big",
        "code",
        "del",
        "em",
        "font",
        "i",
        "ins",
        "kbd",
        "mark",
        "q",
        "s",
        "small",
        "span",
        "strong",
        "sub",
        "sup",
        "tt",
        "u",
        "wbr",
    ]
)


def undo(text: str) -> Reading | None:
    """Take HTML comments and tags out of a text."""
    return rewrite(text, _edits(text))


def _edits(text: str) -> Iterator[Edit]:
    place = 0
    while found := _OPENING.search(text, place):
        place = found.end()
        if found[1] is not None:
            yield found.start(), place, "" if found[1].lower() in _INLINE else " "
            continue
        end = text.find("-->", place)
        if end < 0:  # an open comment hides nothing from a model
            return
        place = end + 3
        yield found.start(), place, ""
