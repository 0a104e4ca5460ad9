"""Content codings: a body as it was before it was compressed, bounded, or a refusal where anybody could read it otherwise."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from sidecar.errors import BodyTooLarge, InputError, MalformedBody, UnsupportedContent

Decoder: TypeAlias = Callable[[bytes, int], bytes]
"""Takes a body and a limit in bytes; returns the decoded body, or raises MalformedBody or BodyTooLarge."""

IDENTITY = "identity"
# RFC 1952 with its header and checksum; RFC 1950, which is what HTTP calls deflate (RFC 9110, section 8.4.1.2).
_GZIP_BITS = 16 + zlib.MAX_WBITS
_ZLIB_BITS = zlib.MAX_WBITS


def coding_of(encodings: list[str], known: Mapping[str, Decoder]) -> str:
    """Return the one content coding of a message.

    Args:
        encodings: every value of its header `content-encoding`.
        known: the decoders at hand.

    Returns:
        A key of `known`, or `identity`.

    Raises:
        UnsupportedContent: there is another coding, or more than one.
    """
    named = [coding.strip().lower() for value in encodings for coding in value.split(",")]
    codings = [coding for coding in named if coding not in ("", IDENTITY)]
    if not codings:
        return IDENTITY
    if len(codings) > 1 or codings[0] not in known:
        readable = ", ".join(known)
        raise UnsupportedContent(f"the body has a content coding that is not read here; one of these is: {readable}")
    return codings[0]


def decode(data: bytes, coding: str, known: Mapping[str, Decoder], *, limit: int) -> bytes:
    """Undo a content coding.

    Args:
        data: the body as it came.
        coding: as `coding_of` returned it.
        known: the decoders at hand.
        limit: the most bytes that may come of it.

    Raises:
        MalformedBody: it is not what the coding says, is cut off, or goes on behind its end.
        BodyTooLarge: more than `limit` bytes come of it.
    """
    return data if coding == IDENTITY else known[coding](data, limit)


def undo(data: bytes, encodings: Iterable[str], known: Mapping[str, Decoder], *, limit: int) -> bytes | None:
    """Undo whatever content coding a body has, for those who only want to look into it.

    Args:
        data: the body as it came.
        encodings: every value of its header `content-encoding`.
        known: the decoders at hand.
        limit: the most bytes that may come of it.

    Returns:
        None where it cannot be read.
    """
    try:
        return decode(data, coding_of(list(encodings), known), known, limit=limit)
    except InputError:
        return None


def gunzip(data: bytes, limit: int) -> bytes:
    """Undo gzip; one member, as parsers disagree about more."""
    return _inflate(data, limit, _GZIP_BITS)


def inflate(data: bytes, limit: int) -> bytes:
    """Undo deflate in its zlib wrapping; the bare form, which some servers send by mistake, is refused."""
    return _inflate(data, limit, _ZLIB_BITS)


def _inflate(data: bytes, limit: int, bits: int) -> bytes:
    inflater = zlib.decompressobj(bits)
    try:
        decoded = inflater.decompress(data, limit + 1)
    except zlib.error:
        raise MalformedBody("the body is not what its content coding says") from None
    require_whole(decoded, limit, is_whole=inflater.eof and not inflater.unused_data)
    return decoded


def require_whole(decoded: bytes, limit: int, *, is_whole: bool) -> None:
    """Refuse what is longer than the limit, cut off, or goes on behind its end.

    Raises:
        BodyTooLarge: it is longer.
        MalformedBody: it is not whole.
    """
    if len(decoded) > limit:
        raise BodyTooLarge(f"the body is longer than the {limit} bytes that the policy allows, once it is decoded")
    if not is_whole:
        raise MalformedBody("the coded body is cut off, or goes on behind its end")


DECODERS: Mapping[str, Decoder] = {"gzip": gunzip, "x-gzip": gunzip, "deflate": inflate}
