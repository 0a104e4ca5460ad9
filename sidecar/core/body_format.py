"""Which format a body is in, by its headers and path, and whether it can be read here at all."""

from __future__ import annotations

from sidecar.core.coding import coding_of
from sidecar.core.engine import Lane
from sidecar.core.exchange import Direction, HeadersEvent
from sidecar.core.schemas import JSON_REQUEST, Schema, request_schema, response_schema
from sidecar.errors import BodyTooLarge, MalformedBody, UnsupportedContent


def body_schema(direction: Direction, path: str, headers: HeadersEvent) -> Schema:
    """Return the format of a body.

    Args:
        direction: whose body.
        path: the request's path.
        headers: the message's headers.

    Raises:
        UnsupportedContent: the media type is given twice, cannot be read, or names a character set other than UTF-8.
    """
    if len(set(headers.all("content-type"))) > 1:
        raise UnsupportedContent("the message has more than one content type")
    find = request_schema if direction == "request" else response_schema
    return find(path, headers.get("content-type"))


def require_length(headers: HeadersEvent, limit: int) -> None:
    """Refuse a body that says it is too long, or does not say how long it is in one way.

    Args:
        headers: the message's headers.
        limit: bytes of a body.

    Raises:
        MalformedBody: `content-length` is not one number.
        BodyTooLarge: it is above the limit.
    """
    values = headers.all("content-length")
    if not values:
        return
    value = values[0]
    if not (value.isascii() and value.isdecimal()) or values.count(value) != len(values):
        raise MalformedBody("the header content-length is not one number")
    if int(value) > limit:
        raise BodyTooLarge(f"{int(value)} bytes where the policy allows {limit}")


def require_body(headers: HeadersEvent, path: str) -> None:
    """Refuse a request that ends with its headers although its API takes nothing but JSON.

    Args:
        headers: the request's headers.
        path: its path.

    Raises:
        MalformedBody: the body is missing.
    """
    if headers.get(":method") == "POST" and request_schema(path).name != JSON_REQUEST.name:
        raise MalformedBody("the body is empty where the API expects JSON")


def require_readable(headers: HeadersEvent, lane: Lane) -> str:
    """Refuse a body that is too long or in a coding that is not read here, before it comes.

    Args:
        headers: the message's headers.
        lane: limits and decoders.

    Returns:
        The content coding.

    Raises:
        InputError: the body cannot be taken.
    """
    require_length(headers, lane.body_limit)
    return coding_of(headers.all("content-encoding"), lane.decoders)
