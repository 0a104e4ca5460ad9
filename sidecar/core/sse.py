"""Framing of streams, incremental and sans-IO: server-sent events, JSON lines, and Amazon's binary event stream.

A framer takes bytes in any chunking and gives whole frames; each keeps the bytes it came as, so that a frame that is not
edited goes on untouched.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from typing import Protocol

import msgspec

from sidecar.errors import BodyTooLarge, MalformedBody

# No provider sends larger events, but for pictures; a frame is the unit that we hold.
FRAME_LIMIT = 4 * 2**20
_BOM = b"\xef\xbb\xbf"


class Frame(msgspec.Struct, frozen=True):
    """One event.

    Args:
        raw: the bytes it came as.
        data: what it says, decoded from its frame.
        event: the type it names, if it names one.
    """

    raw: bytes
    data: bytes = b""
    event: str = ""

    def __repr__(self) -> str:
        """Show the lengths; text stays out of logs and tracebacks."""
        return f"Frame(event={self.event!r}, length={len(self.raw)})"

    def with_data(self, data: bytes) -> bytes:
        """Return the frame's bytes with other data; here: the data itself."""
        return data


class Framer(Protocol):
    """Cuts bytes into frames."""

    def receive(self, chunk: bytes) -> Iterator[Frame]:
        """Take bytes, and yield the frames that they complete.

        Raises:
            InputError: the bytes are no such stream; the frames before were yielded.
        """

    @property
    def unread(self) -> bytes:
        """What has been taken and not been yielded yet."""

    def finish(self) -> list[Frame]:
        """Return what is left when the stream ends.

        Raises:
            InputError: the stream ended within a frame that cannot be read.
        """


class SseFrame(Frame, frozen=True):
    """One server-sent event (WHATWG HTML, section 9.2.6)."""

    def with_data(self, data: bytes) -> bytes:
        """Return the event with other data, its other lines as they were."""
        lines = re.split(rb"(\r\n|\n|\r)", self.raw)
        kept: list[bytes] = []
        placed = False
        for line, ending in zip(lines[::2], [*lines[1::2], b""], strict=True):
            if line.removeprefix(_BOM).partition(b":")[0] != b"data":
                kept.append(line + ending)
            elif not placed:
                placed = True
                kept.append((ending or b"\n").join(b"data: " + part for part in data.split(b"\n")) + ending)
        return b"".join(kept)


class Buffer:
    """Bytes that have come and are not read yet.

    Args:
        limit: bytes of the longest frame.
    """

    def __init__(self, limit: int = FRAME_LIMIT) -> None:
        self._limit = limit
        self._buffer = b""
        self._position = 0

    @property
    def unread(self) -> bytes:
        """What has been taken and not been yielded yet."""
        return self._buffer[self._position :]

    def take(self, chunk: bytes) -> None:
        """Put bytes behind those that are not read yet."""
        self._buffer = self.unread + chunk
        self._position = 0

    def _require_short(self, what: str) -> None:
        if len(self._buffer) - self._position > self._limit:
            raise BodyTooLarge(f"{what} of the stream is longer than {self._limit} bytes")


class SseFramer(Buffer):
    """Server-sent events: any line ends, comments, several data lines, a byte-order mark."""

    def receive(self, chunk: bytes) -> Iterator[Frame]:
        """Take bytes, and yield the events that they complete."""
        # A blank line may have begun in what was searched already.
        search = max(0, len(self.unread) - 3)
        self.take(chunk)
        while (end := self._event_end(search)) > 0:
            frame = self._frame(self._buffer[self._position : end])
            search = self._position = end
            yield frame
        self._require_short("an event")

    def _event_end(self, search: int) -> int:
        """Return where the next event ends: behind its blank line; -1 while that has not come."""
        found = _BLANK_LINE.search(self._buffer, search)
        if found is None:
            return -1
        end = found.end()
        # Without the LF of its CRLF, a blank line is one all the same; the LF goes with it where it has come.
        return end + 1 if self._buffer[end - 1 : end + 1] == b"\r\n" else end

    def finish(self) -> list[Frame]:
        """Return what is left: an event without its blank line, which lenient clients read all the same."""
        rest, self._buffer, self._position = self.unread, b"", 0
        return [self._frame(rest)] if rest else []

    def _frame(self, raw: bytes) -> Frame:
        data: list[bytes] = []
        event = ""
        for line in re.split(rb"\r\n|\n|\r", raw):
            # Only the first line of a stream may begin with the mark; what lenient clients skip elsewhere is read, too, and
            # in any chunking: the LF of the blank line before may stand at the head of this event.
            name, _, value = line.removeprefix(_BOM).partition(b":")
            value = value.removeprefix(b" ")
            if name == b"data":
                data.append(value)
            elif name == b"event":
                event = value.decode("utf-8", "replace")
        return SseFrame(raw, b"\n".join(data), event)


# A blank line, whatever the line ends are; the first alternative is an event that is nothing but a line end.
_BLANK_LINE = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r)")


class LineFrame(Frame, frozen=True):
    """One line of JSON."""

    def with_data(self, data: bytes) -> bytes:
        """Return the line with other data, its end as it was."""
        return data + self.raw[len(self.raw.rstrip(b"\r\n")) :]


class LineFramer(Buffer):
    """JSON lines."""

    def receive(self, chunk: bytes) -> Iterator[Frame]:
        """Take bytes, and yield the lines that they complete."""
        self.take(chunk)
        while (end := self._buffer.find(b"\n", self._position) + 1) > 0:
            line = self._buffer[self._position : end]
            self._position = end
            yield LineFrame(line, line.rstrip(b"\r\n"))
        self._require_short("a line")

    def finish(self) -> list[Frame]:
        """Return the last line, which may have no end."""
        rest, self._buffer, self._position = self.unread, b"", 0
        return [LineFrame(rest, rest.rstrip(b"\r"))] if rest else []


class EventStreamFrame(Frame, frozen=True):
    """One message of Amazon's event stream: prelude, headers, payload, each with its CRC."""

    def with_data(self, data: bytes) -> bytes:
        """Return the message with another payload, lengths and checksums made right."""
        headers_length = int.from_bytes(self.raw[4:8], "big")
        return event_stream_message(self.raw[12 : 12 + headers_length], data)


def event_stream_message(headers: bytes, payload: bytes) -> bytes:
    """Write a message of `application/vnd.amazon.eventstream`.

    Args:
        headers: encoded; see `event_stream_headers`.
        payload: its content.
    """
    prelude = (16 + len(headers) + len(payload)).to_bytes(4, "big") + len(headers).to_bytes(4, "big")
    message = prelude + zlib.crc32(prelude).to_bytes(4, "big") + headers + payload
    return message + zlib.crc32(message).to_bytes(4, "big")


def event_stream_headers(headers: dict[str, str]) -> bytes:
    """Encode string headers."""
    return b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + len(value.encode()).to_bytes(2, "big") + value.encode()
        for name, value in headers.items()
    )


# Lengths of header values by type; 6 and 7 (bytes and strings) carry their own.
_HEADER_LENGTHS = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}


def read_event_stream_headers(block: bytes) -> dict[str, str]:
    """Decode headers; values that are no strings come as their bytes in hexadecimal.

    Raises:
        MalformedBody: the block is not encoded as headers are.
    """
    headers: dict[str, str] = {}
    position = 0
    try:
        while position < len(block):
            name_end = position + 1 + block[position]
            name = block[position + 1 : name_end].decode()
            kind = block[name_end]
            begin = name_end + 1
            if kind in (6, 7):
                length = int.from_bytes(block[begin : begin + 2], "big")
                begin += 2
            else:
                length = _HEADER_LENGTHS[kind]
            value = block[begin : begin + length]
            if len(value) != length or name in headers:
                raise MalformedBody("the headers of an event-stream message are cut short or repeated")
            headers[name] = value.decode() if kind == 7 else value.hex()
            position = begin + length
    except (IndexError, KeyError, UnicodeDecodeError):
        raise MalformedBody("the headers of an event-stream message cannot be read") from None
    return headers


class EventStreamFramer(Buffer):
    """Amazon's binary event stream; a message with a wrong checksum is refused."""

    def receive(self, chunk: bytes) -> Iterator[Frame]:
        """Take bytes, and yield the messages that they complete."""
        self.take(chunk)
        while len(prelude := self._buffer[self._position : self._position + 12]) == 12:
            total, headers_length = int.from_bytes(prelude[:4], "big"), int.from_bytes(prelude[4:8], "big")
            if zlib.crc32(prelude[:8]) != int.from_bytes(prelude[8:], "big"):
                raise MalformedBody("the prelude of an event-stream message has a wrong checksum")
            if total > self._limit:
                raise BodyTooLarge(f"a message of the stream is longer than {self._limit} bytes")
            if headers_length + 16 > total:
                raise MalformedBody("an event-stream message is shorter than its headers")
            raw = self._buffer[self._position : self._position + total]
            if len(raw) < total:
                break
            frame = _event_stream_frame(raw, headers_length)
            self._position += total
            yield frame

    def finish(self) -> list[Frame]:
        """Return nothing: a message that is cut short is none."""
        if self.unread:
            raise MalformedBody("the event stream ended within a message")
        return []


def _event_stream_frame(raw: bytes, headers_length: int) -> Frame:
    if zlib.crc32(raw[:-4]) != int.from_bytes(raw[-4:], "big"):
        raise MalformedBody("an event-stream message has a wrong checksum")
    headers = read_event_stream_headers(raw[12 : 12 + headers_length])
    kind = headers.get(":event-type") or headers.get(":exception-type") or headers.get(":message-type", "")
    return EventStreamFrame(raw, raw[12 + headers_length : -4], kind)
