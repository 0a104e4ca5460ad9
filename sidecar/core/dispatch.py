"""From a request to what its way depends on: the model that it asks for, read as the filter reads it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sidecar.core.coding import Decoder, coding_of, decode
from sidecar.core.usage import Asked, read_request
from sidecar.errors import InputError


def read_asked(
    body: bytes, path: str, encodings: Iterable[str], decoders: Mapping[str, Decoder], *, limit: int
) -> Asked:
    """Read what a request asks for, whatever content coding it has.

    Args:
        body: as it came.
        path: the request's path.
        encodings: every value of its header `content-encoding`.
        decoders: by the name of the coding.
        limit: bytes of the decoded body.

    Returns:
        Nothing, where the body cannot be read; such a body passes the filter only where the policy says so.
    """
    try:
        plain = decode(body, coding_of(list(encodings), decoders), decoders, limit=limit)
    except InputError:
        plain = b""
    return read_request(plain, path)
