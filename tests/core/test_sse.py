"""Framing in every chunking: events, lines and binary messages come out the same wherever the bytes are cut."""

import random

import pytest

from sidecar.core.sse import (
    EventStreamFramer,
    LineFramer,
    SseFramer,
    event_stream_headers,
    event_stream_message,
    read_event_stream_headers,
)
from sidecar.errors import BodyTooLarge, MalformedBody
from tests.core.streams import cut

EVENTS = [
    ("event: a\ndata: one\n\n", b"one", "a"),
    ("data:two\nid: 7\n\n", b"two", ""),
    (": comment\n\n", b"", ""),
    ("data: first\ndata: second\n\n", b"first\nsecond", ""),
    ("data: \U0001f600 é\n\n", "\U0001f600 é".encode(), ""),
    ("data\n\n", b"", ""),
    ("retry: 5\ndata: [DONE]\n\n", b"[DONE]", ""),
]


def frames(framer, chunks):
    """Read a stream to its end."""
    return [frame for chunk in chunks for frame in framer.receive(chunk)] + framer.finish()


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("most", [1, 2, 7, 1000])
def test_events_come_out_in_any_chunking(ending, mark, most):
    """Any line ends, a byte-order mark, comments, several data lines; no byte is lost."""
    text = "".join(event for event, _, _ in EVENTS).replace("\n", ending)
    stream = mark + text.encode()
    found = frames(SseFramer(), cut(random.Random(most), stream, most))

    assert b"".join(frame.raw for frame in found) == stream
    assert [(f.data, f.event) for f in found if f.raw.strip()] == [(data, event) for _, data, event in EVENTS]


def test_last_event_may_lack_its_blank_line():
    """Lenient clients read it, so it is read here."""
    assert [frame.data for frame in frames(SseFramer(), [b"data: x"])] == [b"x"]


def test_data_is_replaced_and_other_lines_stay():
    """An edited event keeps its type, id and comments."""
    (frame,) = SseFramer().receive(b": c\r\nevent: a\r\ndata: one\r\ndata: two\r\nid: 7\r\n\r\n")

    assert frame.with_data(b"x\ny") == b": c\r\nevent: a\r\ndata: x\r\ndata: y\r\nid: 7\r\n\r\n"


@pytest.mark.parametrize("framer", [SseFramer, LineFramer])
def test_endless_frames_are_refused(framer):
    """A frame without an end is a limit passed."""
    with pytest.raises(BodyTooLarge):
        list(framer(100).receive(b"data: " + b"x" * 200))


@pytest.mark.parametrize("most", [1, 3, 100])
def test_lines_come_out_in_any_chunking(most):
    """JSON lines keep their line ends; the last may have none."""
    stream = b'{"a":1}\r\n{"b":"\xc3\xa9"}\n\n{"c":2}'
    found = frames(LineFramer(), cut(random.Random(1), stream, most))

    assert b"".join(frame.raw for frame in found) == stream
    assert [frame.data for frame in found] == [b'{"a":1}', b'{"b":"\xc3\xa9"}', b"", b'{"c":2}']
    assert found[0].with_data(b"x") == b"x\r\n"


@pytest.mark.parametrize("most", [1, 5, 1000])
def test_binary_messages_come_out_in_any_chunking(most):
    """Prelude, headers and payload, with both checksums."""
    stream = b"".join(
        event_stream_message(event_stream_headers({":event-type": t}), t.encode() * 9) for t in ("a", "bc")
    )
    found = frames(EventStreamFramer(), cut(random.Random(1), stream, most))

    assert [(f.event, f.data) for f in found] == [("a", b"a" * 9), ("bc", b"bc" * 9)]
    assert b"".join(f.with_data(f.data) for f in found) == stream


@pytest.mark.parametrize("place", range(0, 60, 3))
def test_damaged_binary_messages_are_refused(place):
    """A flipped bit anywhere is found by one of the checksums, or leaves the message waiting."""
    message = bytearray(event_stream_message(event_stream_headers({":event-type": "a"}), b"payload" * 5))
    message[place] ^= 1
    framer = EventStreamFramer()
    with pytest.raises((MalformedBody, BodyTooLarge)):
        frames(framer, [bytes(message)])


def test_header_values_of_every_type_are_read():
    """Booleans, integers, bytes, strings, time stamps and UUIDs."""
    block = (
        b"\x01a\x00" + b"\x01b\x01" + b"\x01c\x02\x07" + b"\x01d\x03\x00\x07" + b"\x01e\x04\x00\x00\x00\x07"
        + b"\x01f\x05" + bytes(8) + b"\x01g\x06\x00\x02ab" + b"\x01h\x07\x00\x02ab" + b"\x01i\x08" + bytes(8) + b"\x01j\x09" + bytes(16)
    )  # fmt: skip
    headers = read_event_stream_headers(block)

    assert (headers["c"], headers["g"], headers["h"], len(headers)) == ("07", "6162", "ab", 10)


@pytest.mark.parametrize(
    "block", [b"\x05a", b"\x01a\x07\x00\x09ab", b"\x01a\x63", b"\x01a\x00\x01a\x00", b"\x01\xff\x00"]
)
def test_odd_headers_are_refused(block):
    """Headers that are cut short, of no known type, or repeated."""
    with pytest.raises(MalformedBody):
        read_event_stream_headers(block)


def test_mark_behind_a_split_crlf_hides_nothing():
    """Found by fuzzing: the LF of a blank line and a byte-order mark came with the next event, whose data was not read then."""
    stream = b"data: one\r\n\r\n\xef\xbb\xbfdata: two\n\n"
    for size in (1, 2, len(stream)):
        framer = SseFramer()
        frames = [
            frame for start in range(0, len(stream), size) for frame in framer.receive(stream[start : start + size])
        ]

        assert [frame.data for frame in frames] == [b"one", b"two"], size
