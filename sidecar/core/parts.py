"""Bodies of several parts: JSON lines, URL-encoded forms and multipart; each part is found with its place in the body."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote_from_bytes, unquote_to_bytes

import msgspec

from sidecar.core import jsontext, media
from sidecar.core.fields import Schema
from sidecar.errors import BodyTooLarge, MalformedBody, UnsupportedContent

# Enough for any upload to a model; a bound on what one body can make us look at.
PART_LIMIT = 1000
_BAD_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\x00]*)\Z")


class Part(msgspec.Struct, frozen=True):
    """One part of a body.

    Args:
        path: its name in segment paths, such as `/3`.
        start: where its written form begins in the body, in bytes.
        end: one past it.
        content: what it says, decoded.
        is_json: whether `content` is a JSON document whose strings are the segments.
        is_form: whether its written form is URL-encoded.
        unread: the media type of a part that nobody here reads; then it has no content.
    """

    path: str
    start: int
    end: int
    content: bytes
    is_json: bool = False
    is_form: bool = False
    unread: str = ""

    def __repr__(self) -> str:
        """Show the place; text stays out of logs and tracebacks."""
        return f"Part(path={self.path!r}, start={self.start}, end={self.end})"

    def encode(self, content: bytes) -> bytes:
        """Return new content in the written form of this part."""
        return quote_from_bytes(content, safe="").replace("%20", "+").encode() if self.is_form else content


def syntax_of(body: bytes, schema: Schema) -> str:
    """Tell how a body is written: as its media type says, but as JSON where it is JSON and upstreams would read it so.

    Raises:
        UnsupportedContent: nobody here reads this media type.
    """
    if schema.sniff and _is_json(body):
        return "json"
    if schema.syntax == "unknown":
        raise UnsupportedContent("nobody here reads this media type")
    return schema.syntax


def _is_json(body: bytes) -> bool:
    """Tell whether a body is a JSON object or list; one that repeats keys or is too deep is, and will be refused."""
    if body.lstrip(b" \t\r\n")[:1] not in (b"{", b"["):
        return False
    try:
        jsontext.decode(body)
    except MalformedBody:
        return False
    except BodyTooLarge:
        return True
    return True


def split(body: bytes, schema: Schema, syntax: str) -> list[Part]:
    """Return the parts of a body, in order of place.

    Args:
        body: the message.
        schema: its format.
        syntax: `ndjson`, `form` or `multipart`.

    Raises:
        MalformedBody: it is not written as it claims.
        BodyTooLarge: more than `PART_LIMIT` form fields or parts.
        UnsupportedContent: a part has a media type or coding that nobody here reads.
    """
    if syntax == "ndjson":
        return list(_lines(body))
    found = _fields(body) if syntax == "form" else _multipart(body, schema.boundary)
    listed: list[Part] = []
    for part in found:
        listed.append(part)
        if len(listed) > 2 * PART_LIMIT:
            raise BodyTooLarge(f"the body has more than {PART_LIMIT} parts")
    return listed


def _lines(body: bytes) -> Iterator[Part]:
    start = 0
    for index, line in enumerate(body.split(b"\n")):
        if line.strip(b" \t\r"):
            yield Part(f"/{index}", start, start + len(line), line, is_json=True)
        start += len(line) + 1


def _fields(body: bytes) -> Iterator[Part]:
    """Yield names and values of a URL-encoded form; a repeated name is one more field, and is scanned like any other."""
    if not body.isascii() or _BAD_PERCENT.search(body) or b";" in body:
        raise MalformedBody("the body is no URL-encoded form: it holds a raw byte, a lone `%` or a `;`")
    start = 0
    for index, field in enumerate(body.split(b"&")):
        name, equals, value = field.partition(b"=")
        yield _form_part(f"/{index}{jsontext.KEY_MARK}", start, name)
        if equals:
            yield _form_part(f"/{index}", start + len(name) + 1, value)
        start += len(field) + 1


def _form_part(path: str, start: int, written: bytes) -> Part:
    content = unquote_to_bytes(written.replace(b"+", b" "))
    return Part(path, start, start + len(written), content, is_json=_is_json(content), is_form=True)


def _multipart(body: bytes, boundary: str) -> Iterator[Part]:
    """Yield the parts of a multipart body (RFC 2046, strictly: no preamble, no folded header, a proper end)."""
    if not boundary:
        raise MalformedBody("the multipart body has no boundary")
    mark = b"--" + boundary.encode()
    if not body.startswith(mark + b"\r\n"):
        raise MalformedBody("the multipart body does not begin with its boundary")
    inner_mark = b"\r\n" + mark
    position = len(mark)
    index = 0
    while body.startswith(b"\r\n", position):
        position += 2
        end = body.find(inner_mark, position)
        if end < 0:
            raise MalformedBody("the multipart body does not end with its boundary")
        yield from _one_part(body, position, end, index)
        position = end + len(inner_mark)
        index += 1
    if body[position:] not in (b"--", b"--\r\n"):
        raise MalformedBody("the multipart body goes on behind its end, or a boundary is not on a line of its own")


def _one_part(body: bytes, start: int, end: int, index: int) -> Iterator[Part]:
    blank = body.find(b"\r\n\r\n", start, end)
    if blank < 0:
        raise MalformedBody("a part of the multipart body has no blank line behind its headers")
    headers = _headers(body[start:blank])
    if headers.get("content-transfer-encoding", "binary").lower() not in ("binary", "8bit", "7bit"):
        raise UnsupportedContent("a part of the multipart body has a transfer encoding")
    # Names and file names reach upstreams, too; they stand in the header as one text.
    yield Part(f"/{index}{jsontext.KEY_MARK}", start, blank, body[start:blank])
    content = body[blank + 4 : end]
    kind = media.parse_content_type(headers.get("content-type", "text/plain"))
    if kind.is_binary:
        yield Part(f"/{index}", blank + 4, end, b"", unread=f"{kind.kind}/{kind.subtype}")
        return
    if not kind.is_text and not kind.is_json:
        raise UnsupportedContent("a part of the multipart body has a media type that nobody here reads")
    yield Part(f"/{index}", blank + 4, end, content, is_json=kind.is_json or _is_json(content))


def _headers(block: bytes) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in block.split(b"\r\n"):
        found = _HEADER.match(line)
        name = found[1].decode().lower() if found else ""
        if found is None or name in headers:
            raise MalformedBody("a part of the multipart body has a malformed or repeated header")
        headers[name] = found[2].decode("utf-8", "surrogateescape")
    return headers
