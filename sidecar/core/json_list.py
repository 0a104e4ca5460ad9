"""Framing of an answer that is one JSON list and grows item by item, as Gemini streams without `alt=sse`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sidecar.core.jsontext import DEPTH_LIMIT, too_deep
from sidecar.core.sse import Buffer, Frame
from sidecar.errors import MalformedBody

_STRUCTURE = re.compile(rb'["{}\[\]]')
_IN_STRING = re.compile(rb'"|\\[\s\S]')
_BLANK = b" \t\r\n"


class ItemFrame(Frame, frozen=True):
    """One item of the list, with what stands before it."""

    def with_data(self, data: bytes) -> bytes:
        """Return the item with other data, what stands before it as it was."""
        return self.raw[: len(self.raw) - len(self.data)] + data


class ListFramer(Buffer):
    """A JSON list of objects; an answer that is one object, as errors are, is an item of its own."""

    def __init__(self) -> None:
        super().__init__()
        # Where the search goes on, from the first byte that was not yielded.
        self._scan = 0
        self._in_string = False
        self._depth = 0
        # What closes the answer: a bracket for a list, a brace for one object; empty before it begins.
        self._closing = b""
        self._begun = self._done = False
        # Where the item begins.
        self._start = 0

    def receive(self, chunk: bytes) -> Iterator[Frame]:
        """Take bytes, and yield the items that they complete."""
        self.take(chunk)
        while (end := self._next_end()) > 0:
            raw = self._buffer[self._position : self._position + end]
            frame = self._frame(raw)
            self._position += end
            self._scan = 0
            yield frame
        if self._done and self.unread.strip(_BLANK):
            raise MalformedBody("the streamed list goes on behind its end")
        self._require_short("an item")

    def finish(self) -> list[Frame]:
        """Return the blanks behind the end."""
        rest, self._buffer, self._position = self.unread, b"", 0
        if rest.strip(_BLANK) or (self._closing and not self._done):
            raise MalformedBody("the streamed list ended within an item")
        return [Frame(rest)] if rest else []

    def _next_end(self) -> int:
        """Return where the next item ends, or the list behind its last one; -1 while that has not come."""
        begin = self._position
        while not self._done:
            found = (_IN_STRING if self._in_string else _STRUCTURE).search(self._buffer, begin + self._scan)
            if found is None:
                unseen = self._buffer[begin + self._scan :]
                # The first half of an escape waits for the second one.
                self._scan += len(unseen) - (self._in_string and unseen.endswith(b"\\"))
                return -1
            self._scan = found.end() - begin
            if found[0] == b'"':
                self._in_string = not self._in_string
            elif found[0] in b"{[" and not self._in_string:
                self._open(found[0], found.start() - begin)
            elif not self._in_string and self._close():
                return self._scan
        return -1

    def _open(self, bracket: bytes, place: int) -> None:
        if not self._closing:
            self._closing = b"]" if bracket == b"[" else b"}"
        self._depth += 1
        if self._depth > DEPTH_LIMIT:
            raise too_deep()
        if self._depth == self._item_depth:
            self._start = place

    def _close(self) -> bool:
        self._depth -= 1
        self._done = self._depth == 0
        return self._done or self._depth == self._item_depth - 1

    @property
    def _item_depth(self) -> int:
        return 2 if self._closing == b"]" else 1

    def _frame(self, raw: bytes) -> Frame:
        """Return an item, or the end of the list; nothing but its own punctuation may stand between items."""
        is_end = self._done and self._closing == b"]"
        between = (raw if is_end else raw[: self._start]).translate(None, _BLANK)
        opening = b"[" if self._closing == b"]" else b""
        expected = (b"," if not is_end else b"]") if self._begun else opening + (b"]" if is_end else b"")
        if between != expected:
            raise MalformedBody("the streamed list holds something beside objects")
        self._begun = True
        return Frame(raw) if is_end else ItemFrame(raw, raw[self._start :])
