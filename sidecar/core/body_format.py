"""Which format a body is in, by its media type and path, and whether it can be read here at all."""

from __future__ import annotations

import re

from sidecar.core.schemas import TEXT_REQUEST, TEXT_RESPONSE, Schema, request_schema, response_schema
from sidecar.errors import UnsupportedContent

EVENT_STREAM = "text/event-stream"
_CHARSET = re.compile(r';\s*charset\s*=\s*"?([^";\s]+)', re.IGNORECASE)
_UTF8 = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})


def media_type(content_type: str) -> str:
    """Return the media type without parameters, in lower case."""
    return content_type.split(";", 1)[0].strip().lower()


def is_json(media: str) -> bool:
    """Say whether a media type is JSON (RFC 8259, RFC 6839 section 3.1)."""
    return media == "application/json" or media.endswith("+json")


def body_schema(direction: str, path: str, content_types: list[str], start: bytes) -> Schema:
    """Return the format of a body.

    Args:
        direction: `request` or `response`.
        path: the request's path.
        content_types: every value of the header `content-type`.
        start: the first bytes of the body, for messages without a media type.

    Raises:
        UnsupportedContent: nobody reads this media type or character set here.
    """
    if len(set(content_types)) > 1:
        raise UnsupportedContent("the message has more than one content-type")
    content_type = content_types[0] if content_types else ""
    charset = _CHARSET.search(content_type)
    if charset and charset[1].lower() not in _UTF8:
        raise UnsupportedContent("the body is in a character set other than UTF-8")
    media = media_type(content_type) or _sniff(start)
    if is_json(media):
        return request_schema(path) if direction == "request" else response_schema(path)
    if media.startswith("text/"):
        return TEXT_REQUEST if direction == "request" else TEXT_RESPONSE
    raise UnsupportedContent("the media type of the body is not read here; send application/json or text/plain")


def _sniff(start: bytes) -> str:
    """Guess the media type of a message without one: only what can be nothing else."""
    return "application/json" if start.lstrip()[:1] in (b"{", b"[") else ""


def require_identity(encodings: list[str]) -> None:
    """Refuse a body with a content coding.

    Raises:
        UnsupportedContent: there is one.
    """
    codings = [coding.strip().lower() for value in encodings for coding in value.split(",")]
    if any(coding not in ("", "identity") for coding in codings):
        raise UnsupportedContent("the body has a content coding that is not read here")
