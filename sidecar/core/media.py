"""Media types and charsets, as strictly as needed for filter and upstream to read a body alike."""

from __future__ import annotations

import re

import msgspec

from sidecar.errors import UnsupportedContent

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_TYPE = re.compile(rf"\s*({_WORD})/({_WORD})\s*")
_PARAMETER = re.compile(rf";\s*({_WORD})=({_WORD}|\"(?:[^\"\\\x00-\x1f]|\\[\x20-\x7e])*\")\s*|;\s*")
# What may be called UTF-8; US-ASCII is part of it.
_CHARSETS = frozenset({"", "utf-8", "utf8", "us-ascii", "ascii"})
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]\Z")


class MediaType(msgspec.Struct, frozen=True):
    """A media type, in lower case, with the parameters that matter here."""

    kind: str = ""
    subtype: str = ""
    boundary: str = ""

    @property
    def is_json(self) -> bool:
        """JSON by name or by suffix (RFC 6839)."""
        return self.kind in ("application", "text") and (self.subtype == "json" or self.subtype.endswith("+json"))

    @property
    def is_text(self) -> bool:
        """Text that is read as it stands."""
        return self.kind == "text" or (self.kind, self.subtype) in _TEXTUAL or self.subtype.endswith("+xml")

    @property
    def is_binary(self) -> bool:
        """Pictures and sound, which hold no text that a pattern could read; SVG is text."""
        return self.kind in ("image", "audio", "video") and not self.is_text

    @property
    def syntax(self) -> str:
        """How a body of this type is written, in the words of `Schema.syntax`."""
        if not self.kind or self.is_json:
            return "json"
        named = _SYNTAX.get((self.kind, self.subtype))
        return named or ("text" if self.is_text else "unknown")


_TEXTUAL = frozenset({("application", "xml"), ("application", "javascript"), ("application", "yaml")})
_SYNTAX = {
    ("application", "x-www-form-urlencoded"): "form",
    ("multipart", "form-data"): "multipart",
    ("application", "x-ndjson"): "ndjson",
    ("application", "jsonl"): "ndjson",
    ("application", "x-jsonlines"): "ndjson",
    ("application", "stream+json"): "ndjson",
    ("application", "x-json-stream"): "ndjson",
}


def parse_content_type(value: str) -> MediaType:
    """Read a `content-type` header.

    Args:
        value: the header; empty where there is none.

    Raises:
        UnsupportedContent: it cannot be read, names a parameter twice, or a charset other than UTF-8.
    """
    if not value.strip():
        return MediaType()
    found = _TYPE.match(value)
    if found is None:
        raise UnsupportedContent("the content type cannot be read")
    parameters: dict[str, str] = {}
    position = found.end()
    while position < len(value):
        item = _PARAMETER.match(value, position)
        if item is None or (item[1] or "").lower() in parameters:
            raise UnsupportedContent("the content type cannot be read, or names a parameter twice")
        if item[1]:
            parameters[item[1].lower()] = _unquote(item[2])
        position = item.end()
    if parameters.get("charset", "").lower() not in _CHARSETS:
        raise UnsupportedContent("the charset is not UTF-8")
    boundary = parameters.get("boundary", "")
    if boundary and not _BOUNDARY.match(boundary):
        raise UnsupportedContent("the boundary of the multipart body is malformed")
    return MediaType(found[1].lower(), found[2].lower(), boundary)


def _unquote(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
