"""Content codings of the standard library: exact, bounded, and refused where readers disagree."""

import gzip
import zlib

import pytest

from sidecar.core.coding import DECODERS, IDENTITY, coding_of, decode
from sidecar.errors import BodyTooLarge, MalformedBody, UnsupportedContent


@pytest.mark.parametrize(
    ("values", "coding"),
    [
        ([], IDENTITY),
        ([""], IDENTITY),
        (["identity, Identity"], IDENTITY),
        (["GZIP"], "gzip"),
        (["identity, deflate"], "deflate"),
    ],
)
def test_one_coding_is_found(values, coding):
    """In any case, beside words that mean none."""
    assert coding_of(values, DECODERS) == coding


@pytest.mark.parametrize("values", [["gzip, gzip"], ["gzip", "deflate"], ["br"], ["x"], ["gzip;q=1"]])
def test_other_codings_are_refused(values):
    """Unknown ones and stacks of them."""
    with pytest.raises(UnsupportedContent):
        coding_of(values, DECODERS)


def test_identity_is_left_alone():
    """The very same object."""
    data = b"as it is"

    assert decode(data, IDENTITY, DECODERS, limit=1) is data


BARE = zlib.compressobj(wbits=-15)


@pytest.mark.parametrize(
    ("coding", "data"),
    [
        ("gzip", b"plain"),
        ("gzip", b""),
        ("gzip", gzip.compress(b"x", mtime=0) + b"tail"),
        ("gzip", gzip.compress(b"x", mtime=0) + gzip.compress(b"y", mtime=0)),
        ("gzip", gzip.compress(b"x" * 99, mtime=0)[:-1]),
        ("gzip", gzip.compress(b"x", mtime=0)[:-8] + bytes(8)),
        ("gzip", zlib.compress(b"x")),
        ("deflate", gzip.compress(b"x", mtime=0)),
        ("deflate", BARE.compress(b"x") + BARE.flush()),
    ],
)
def test_what_readers_disagree_about_is_malformed(coding, data):
    """Wrong labels, cuts, tails, several members, bad checksums, bare deflate."""
    with pytest.raises(MalformedBody):
        decode(data, coding, DECODERS, limit=1000)


@pytest.mark.parametrize("length", [0, 1, 999, 1000])
def test_limit_itself_is_allowed(length):
    """And one more byte is too large."""
    data = b"x" * length

    assert decode(gzip.compress(data, mtime=0), "gzip", DECODERS, limit=1000) == data
    with pytest.raises(BodyTooLarge):
        decode(gzip.compress(data + b"x" * 1001, mtime=0), "gzip", DECODERS, limit=1000)


def test_bomb_costs_no_more_than_the_limit():
    """A gigabyte in a megabyte: what is made of it stays within the limit."""
    import tracemalloc

    bomb = gzip.compress(bytes(100 * 2**20), mtime=0)
    tracemalloc.start()
    with pytest.raises(BodyTooLarge):
        decode(bomb, "gzip", DECODERS, limit=2**20)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 8 * 2**20
