"""gRPC framing is incremental: every chunking gives the same messages."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.adapters.rpc import RpcError, Status
from sidecar.hosts.framing import Deframer, decompress, frame, frame_compressed

MESSAGES = [b"", b"a", b"b" * 300, b"", b"c" * 5]


def cut(data, sizes):
    """Cut bytes into chunks of the given sizes, the rest in one."""
    chunks = []
    for size in sizes:
        chunks.append(data[:size])
        data = data[size:]
    return [*chunks, data]


def read(chunks, **options):
    """Everything that a deframer makes of some chunks."""
    deframer = Deframer(limit=1000, **options)
    messages = [message for chunk in chunks for message in deframer.receive(chunk)]
    deframer.finish()
    return messages


@given(st.lists(st.integers(min_value=0, max_value=40), max_size=60))
def test_messages_do_not_depend_on_the_chunks(sizes):
    """Whole, byte by byte, empty chunks, several messages in one chunk: all the same."""
    wire = b"".join(map(frame, MESSAGES))

    assert read(cut(wire, sizes)) == MESSAGES


def test_messages_come_out_byte_by_byte():
    """One byte at a time."""
    wire = b"".join(map(frame, MESSAGES))

    assert read([wire[i : i + 1] for i in range(len(wire))]) == MESSAGES


def test_body_that_ends_inside_a_message_is_refused():
    """Half a prefix and half a message are both errors at the end, not before."""
    for size in range(1, 9):
        with pytest.raises(RpcError) as caught:
            read([frame(b"abcd")[:size]])
        assert caught.value.code is Status.INTERNAL


def test_message_over_the_limit_is_refused_at_its_prefix():
    """The prefix alone is enough: nothing is buffered for it."""
    with pytest.raises(RpcError) as caught:
        Deframer(limit=10).receive(b"\0\0\0\0\x0b")

    assert caught.value.code is Status.RESOURCE_EXHAUSTED


def test_prefix_that_is_not_grpc_is_refused():
    """A flag other than 0 and 1."""
    with pytest.raises(RpcError) as caught:
        Deframer(limit=10).receive(b"\x02\0\0\0\0")

    assert caught.value.code is Status.INTERNAL


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_compressed_messages_are_read(encoding):
    """What we compress, we read; compressed and plain messages may take turns."""
    wire = frame_compressed(b"x" * 900, encoding) + frame(b"plain") + frame_compressed(b"", encoding)

    assert read([wire], encoding=encoding) == [b"x" * 900, b"plain", b""]


@pytest.mark.parametrize(
    ("data", "encoding", "code"),
    [
        (gzip.compress(b"x" * 101, mtime=0), "gzip", Status.RESOURCE_EXHAUSTED),
        (gzip.compress(b"x" * 10_000_000, mtime=0), "gzip", Status.RESOURCE_EXHAUSTED),
        (b"not gzip", "gzip", Status.INTERNAL),
        (gzip.compress(b"x" * 50, mtime=0)[:-6], "gzip", Status.INTERNAL),
        (gzip.compress(b"x", mtime=0) + b"more", "gzip", Status.INTERNAL),
        (zlib.compress(b"x"), "identity", Status.INTERNAL),
        (b"x", "br", Status.UNIMPLEMENTED),
    ],
)
def test_broken_or_large_compression_is_refused(data, encoding, code):
    """Bombs, cut streams, trailing bytes, and codings that are not here."""
    with pytest.raises(RpcError) as caught:
        decompress(data, encoding, limit=100)

    assert caught.value.code is code


def test_compressed_message_of_exactly_the_limit_is_read():
    """The limit itself is allowed."""
    assert decompress(gzip.compress(b"x" * 100, mtime=0), "gzip", limit=100) == b"x" * 100
