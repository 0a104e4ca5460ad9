"""Brotli and Zstandard: the same promises as gzip."""

import gzip
import os
import zlib

import brotli
import pytest
import zstandard

from sidecar.backends.codings import ALL_DECODERS
from sidecar.errors import BodyTooLarge, MalformedBody

ENCODERS = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress, "zstd": zstandard.compress}
BODIES = [b"", b"hello", b"x" * 3_000_000, os.urandom(300_000)]


@pytest.mark.parametrize("body", BODIES, ids=len)
@pytest.mark.parametrize("coding", ENCODERS)
def test_coding_is_undone(coding, body):
    """Up to the limit, which is the body's own length."""
    assert ALL_DECODERS[coding](ENCODERS[coding](body), len(body)) == body


@pytest.mark.parametrize("body", BODIES[1:], ids=len)
@pytest.mark.parametrize("coding", ENCODERS)
def test_one_byte_too_many_is_too_large(coding, body):
    """Whatever the coder's own blocks are."""
    with pytest.raises(BodyTooLarge):
        ALL_DECODERS[coding](ENCODERS[coding](body), len(body) - 1)


@pytest.mark.parametrize("body", BODIES, ids=len)
@pytest.mark.parametrize("coding", ENCODERS)
def test_cut_and_continued_bodies_are_malformed(coding, body):
    """Readers disagree about what stands behind the end."""
    whole = ENCODERS[coding](body)
    for data in (whole[:-1], whole + b"tail", whole + whole, b"\x00junk", b""):
        with pytest.raises(MalformedBody):
            ALL_DECODERS[coding](data, 2 * len(body) + 1)
