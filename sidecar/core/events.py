"""What one event of a streamed answer holds: pieces of texts, whole texts, and what it says to be complete."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec

from sidecar.core import jsontext
from sidecar.core.dialects import Dialect
from sidecar.core.extract import (
    LONG_NUMBER,
    SHORT_KEY,
    Node,
    attached_segment,
    compile_schema,
    embedded_segments,
    is_identifier,
    number_segment,
)
from sidecar.core.fields import DERIVED, MEDIA, NUMBERS, OPAQUE, SEALED, VOCABULARY, Field, Schema
from sidecar.core.mask import without_derived
from sidecar.core.splice import apply_edits
from sidecar.core.sse import Frame
from sidecar.errors import MalformedBody
from sidecar.model import Edit, Segment

# The numbers of choice, block and call that a text belongs to.
Numbers = tuple[int, ...]
_DONE = b"[DONE]"
_MARK = "{delta}"
_CLOSE = "{close}"


class Piece(msgspec.Struct, frozen=True, gc=False):
    """The next piece of a text.

    Args:
        text: the piece.
        path: JSON pointer to it in the event.
        pattern: which of the dialect's texts it belongs to.
        numbers: which choice, block and call.
        target: what the text is.
        embedded: whether the text is JSON.
    """

    text: str
    path: str
    pattern: str
    numbers: Numbers
    target: str
    embedded: bool


class Reading(msgspec.Struct):
    """What an event holds.

    Args:
        pieces: of texts that other events go on with.
        wholes: complete texts.
        closes: texts whose numbers begin with these are complete.
        numbers: what the event is about, where it has no pieces.
        is_event: whether it is more than a comment.
    """

    pieces: list[Piece]
    wholes: list[Segment]
    closes: list[Numbers]
    numbers: Numbers = ()
    is_event: bool = True


class EventReader:
    """Reads the events of one stream, and writes them with edits.

    Args:
        dialect: how the API streams.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._schema, self._deltas, self._closes = _tables(dialect)

    def read(self, frame: Frame) -> Reading:
        """Read an event.

        Raises:
            InputError: it is not what the dialect's events are.
        """
        if not frame.data:
            return Reading([], [], [], is_event=False)
        if frame.data.strip() == _DONE:
            return Reading([], [], [()])
        data = self._document(frame)
        try:
            value = jsontext.decode(data)
        except MalformedBody:
            if self._dialect.name != "json":
                raise
            # A stream of plain text pieces: the data itself is the text.
            text = _text(data)
            return Reading([Piece(text, "", "", (), self._dialect.other, embedded=False)], [], [])
        walk = _EventWalk(self._dialect, self._deltas, self._closes)
        walk.value(value, compile_schema(self._schema), (), "", 1)
        if frame.event in self._closes.get(f"{_CLOSE}/:event-type", ()):
            walk.closes.append(walk.numbers)
        jsontext.require_distinct_keys(data, walk.keys)
        return Reading(walk.pieces, walk.segments, walk.closes, walk.numbers)

    def write(self, frame: Frame, edits: Sequence[Edit]) -> bytes:
        """Return an event's bytes with edits of its strings."""
        data = self._document(frame)
        if not edits[0].path and not data.startswith((b"{", b"[", b'"')):
            return frame.with_data(apply_edits(_text(data), edits).encode())
        edited = without_derived(jsontext.edit_strings(data, edits), self._schema)
        if self._dialect.nested:
            outer = jsontext.decode(frame.data)
            outer["bytes"] = base64.b64encode(edited).decode()
            edited = msgspec.json.encode(outer)
        return frame.with_data(edited)

    def _document(self, frame: Frame) -> bytes:
        """Return the event's document, taken out of the one around it where the dialect nests them."""
        if not self._dialect.nested or b'"bytes"' not in frame.data:
            return frame.data
        outer = jsontext.parse(frame.data)
        try:
            return base64.b64decode(outer["bytes"], validate=True)
        except (KeyError, TypeError, binascii.Error):
            raise MalformedBody("an event of the stream does not hold what its API sends") from None


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise MalformedBody("an event of the stream is not UTF-8") from None


class _Delta(msgspec.Struct, frozen=True):
    pattern: str
    target: str
    embedded: bool


Deltas = dict[str, _Delta]
Closes = dict[str, frozenset[str]]


@lru_cache(maxsize=64)
def _tables(dialect: Dialect) -> tuple[Schema, Deltas, Closes]:
    """Return a dialect as a schema whose targets are marks, and what the marks stand for."""
    deltas = {f"{_MARK}{d.pattern}": _Delta(d.pattern, d.target, d.embedded) for d in dialect.deltas}
    closes = {f"{_CLOSE}{c.pattern}": c.values for c in dialect.closes}
    closing = {c.pattern for c in dialect.closes}
    fields = (
        *dialect.wholes,
        *(Field(pattern, OPAQUE) for pattern in dialect.opaque if pattern not in closing),
        *(Field(d.pattern, f"{_MARK}{d.pattern}") for d in dialect.deltas),
        *(Field(c.pattern, f"{_CLOSE}{c.pattern}") for c in dialect.closes),
    )
    return Schema(dialect.name, fields, dialect.other), deltas, closes


class _EventWalk:
    """One pass over an event: pieces, whole texts, what is complete, and the number of keys."""

    def __init__(self, dialect: Dialect, deltas: Deltas, closings: Closes) -> None:
        self._dialect = dialect
        self._deltas = deltas
        self._closings = closings
        self._mixed = False
        self.keys = 0
        self.numbers: Numbers = ()
        self.pieces: list[Piece] = []
        self.segments: list[Segment] = []
        self.closes: list[Numbers] = []

    def value(self, value: Any, node: Node, numbers: Numbers, path: str, depth: int) -> None:
        """Walk a value of any kind."""
        kind = type(value)
        if kind is str:
            if value:
                self._text(value, node, numbers, path, {})
        elif kind is int or kind is float:
            self._number(value, node, path, "")
        elif kind is dict:
            self._object(value, node, numbers, path, depth)
        elif kind is list:
            numbered = path.rpartition("/")[2] in self._dialect.lists
            for index, item in enumerate(value):
                if numbered and type(item) is dict and not self._numbers(item):
                    self.value(item, node.star, (*numbers, index), f"{path}/{index}", depth + 1)
                else:
                    self.value(item, node.star, numbers, f"{path}/{index}", depth + 1)

    def _object(self, value: dict[str, Any], node: Node, numbers: Numbers, path: str, depth: int) -> None:
        if depth > jsontext.DEPTH_LIMIT:
            raise jsontext.too_deep()
        self.keys += len(value)
        numbers += self._numbers(value)
        self._about(numbers)
        for key, item in value.items():
            if item is None or item == "":
                continue
            child = node.named.get(key)
            if child is None:
                child = node.star
                if key not in VOCABULARY:
                    key = jsontext.escape_pointer(key)  # noqa: PLW2901 - the same key, as pointers write it
                    if len(key) > SHORT_KEY and not child.target.startswith("{"):
                        target = child.target or self._dialect.other
                        self.segments.append(Segment(key, target, f"{path}/{key}{jsontext.KEY_MARK}"))
            elif depth == 1:
                child = node.named.get(f"{key}@{value.get('type')}", child)
            if type(item) is str:
                self._text(item, child, numbers, f"{path}/{key}", value)
            elif type(item) is dict or type(item) is list:
                self.value(item, child, numbers, f"{path}/{key}", depth + 1)
            elif not -LONG_NUMBER < item < LONG_NUMBER:
                self._number(item, child, f"{path}/{key}", key)

    def _number(self, value: float, node: Node, path: str, key: str) -> None:
        """Take a number as a whole text; its key is what says which number it is."""
        delta = self._deltas.get(node.target)
        target = delta.target if delta else node.target
        if -LONG_NUMBER < value < LONG_NUMBER or target in (OPAQUE, DERIVED) or target in self._closings:
            return
        if target in (MEDIA, SEALED):
            target = self._dialect.other
        if not (key in NUMBERS and target.endswith(".metadata")):
            self.segments.append(number_segment(value, target, path, key))

    def _numbers(self, value: dict[str, Any]) -> Numbers:
        numbers: Numbers = ()
        for name in self._dialect.numbers:  # asked of every object: a generator would cost more than the search
            number = value.get(name)
            if type(number) is int:
                numbers += (number,)
        return numbers

    def _about(self, numbers: Numbers) -> None:
        """Keep what the event is about: the deepest numbers, or nothing where it is about several things."""
        if self._mixed or self.numbers[: len(numbers)] == numbers:
            return
        if numbers[: len(self.numbers)] == self.numbers:
            self.numbers = numbers
        else:
            self._mixed, self.numbers = True, ()

    def _text(self, text: str, node: Node, numbers: Numbers, path: str, parent: dict[str, Any]) -> None:
        target = node.target
        delta = self._deltas.get(target)
        if delta is not None:
            # Where one pattern stands for many places, each place is a text of its own.
            place = path if delta.pattern.endswith("**") else delta.pattern
            self.pieces.append(Piece(text, path, place, numbers, delta.target, delta.embedded))
            return
        values = self._closings.get(target)
        if values is not None:
            if not values or text in values:
                self.closes.append(numbers)
            target = OPAQUE
        if target == DERIVED or (target == OPAQUE and is_identifier(text)):
            return
        if target in (MEDIA, SEALED, OPAQUE):
            attached = None if target == OPAQUE else attached_segment(text, parent, self._dialect.other, path)
            if attached is not None:
                self.segments += [attached] if target == MEDIA else []
                return
            target = self._dialect.other
        inner = embedded_segments(text, target, path) if node.embedded else None
        self.segments += [Segment(text, target, path)] if inner is None else inner
