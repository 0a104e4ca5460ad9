"""Step 1, extract: the body of a message gives its segments; every string that can reach a model is one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import msgspec

from sidecar.core import jsontext, parts
from sidecar.core.attachments import BASE64_MARK, read_attachment
from sidecar.core.fields import DERIVED, MEDIA, NUMBERS, OPAQUE, ROLE, SEALED, VOCABULARY, Field, Schema
from sidecar.errors import BodyTooLarge, MalformedBody
from sidecar.model import Finding, Kind, Segment, Verdict

# More strings than any conversation holds; each costs a scan, so a body of a million short strings must not pass.
SEGMENT_LIMIT = 20_000
# The rule named where a message holds a file that nobody here reads; its family is `media`.
UNREAD_RULE = "media-unread"
# Strings that hold JSON that holds strings that hold JSON: no API goes deeper.
_EMBEDDED_LIMIT = 3
# An identifier is short and has no blanks; anything else at its place is read as text.
_OPAQUE_LENGTH = 128
# Keys up to this length, such as `id` or `x`, are names in any format; a text they are not.
SHORT_KEY = 3
# A number with so many digits before its point may be a card's or an account's; shorter ones are nobody's.
LONG_NUMBER = 10**6
# Of a number's key, so much is read with it.
KEY_LENGTH = 64
# Lists of token numbers are text, too, which only the model's own vocabulary could spell out.
TOKENS = "token ids"


def extract(body: bytes, schema: Schema) -> list[Segment]:
    """Find the texts of a message.

    Args:
        body: the message, decoded from any content coding.
        schema: its format.

    Returns:
        The segments, in document order; empty strings and the format's opaque ones are left out.

    Raises:
        MalformedBody: the body cannot be read.
        BodyTooLarge: nested too deeply, or more than `SEGMENT_LIMIT` strings.
        UnsupportedContent: nobody here reads this media type.
    """
    syntax = parts.syntax_of(body, schema)
    if syntax == "json":
        return extract_json(body, schema)
    if syntax == "text":
        text = decode_text(body)
        return [Segment(text, schema.other)] if text else []
    segments: list[Segment] = []
    for part in parts.split(body, schema, syntax):
        if part.is_json:
            segments += [
                msgspec.structs.replace(found, path=f"{part.path}#{found.path}")
                for found in extract_json(part.content, schema)
            ]
        elif part.unread:
            segments.append(Segment(part.unread, schema.other, part.path, kind=Kind.FILE))
        elif part.content:
            segments.append(Segment(decode_text(part.content), schema.other, part.path))
        if len(segments) > SEGMENT_LIMIT:
            raise _too_many()
    return segments


def extract_json(body: bytes, schema: Schema) -> list[Segment]:
    """Find the texts of a JSON document; see `extract`."""
    return extract_value(jsontext.decode(body), body, schema)


def extract_value(value: Any, body: bytes, schema: Schema) -> list[Segment]:
    """Find the texts of a JSON document that `jsontext.decode` has read."""
    walk = _Walk(schema.other, is_known=bool(schema.fields))
    root = compile_schema(schema)
    if schema.batch and type(value) is list:
        for index, item in enumerate(value):
            walk.value(item, root, "", f"/{index}", 2)
    else:
        walk.value(value, root, "", "", 1)
    jsontext.require_distinct_keys(body, walk.keys)
    return walk.segments


def unread(segments: Sequence[Segment]) -> list[Finding]:
    """Return a finding for each file that nobody here reads; the policy says what is done about them."""
    return [
        Finding(UNREAD_RULE, "media", 0, len(segment.text), 1.0, segment, verdict=Verdict.FLAG)
        for segment in segments
        if segment.kind is Kind.FILE
    ]


def decode_text(body: bytes) -> str:
    """Read a plain text.

    Raises:
        MalformedBody: it is not UTF-8.
    """
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedBody(f"the body is not UTF-8 (byte {error.start})") from None


def _too_many() -> BodyTooLarge:
    return BodyTooLarge(f"the message holds more than {SEGMENT_LIMIT} strings")


class Node:
    """One place of a format, compiled: what a string here is, and the places below."""

    __slots__ = ("embedded", "named", "roles", "star", "target", "tokens")

    def __init__(self, target: str, roles: Mapping[str, str], star: Node | None = None) -> None:
        self.target = target
        self.embedded = self.tokens = False
        self.roles = roles
        self.named: dict[str, Node] = {}
        self.star = star or self


# Compiled trees by the identity of their tables: hashing a table costs more than walking a body. The schema is kept
# beside its tree, so that no identity is ever used twice.
_TREES: dict[tuple[int, int, int, str], tuple[Schema, Node]] = {}
_TREES_KEPT = 512


def compile_schema(schema: Schema) -> Node:
    """Compile the patterns of a format into a tree; places that no pattern names hold `schema.other`."""
    key = (id(schema.fields), id(schema.opaque), id(schema.tokens), schema.other)
    known = _TREES.get(key)
    if known is None:
        if len(_TREES) >= _TREES_KEPT:
            _TREES.clear()
        known = _TREES[key] = (schema, _compile(schema))
    return known[1]


def _compile(schema: Schema) -> Node:
    roles = dict(schema.roles)
    root = Node(schema.other, roles, Node(schema.other, roles))
    # Shorter patterns first, so that `**` below a place does not hide what was said about the place itself.
    for field in sorted(
        (*schema.fields, *(Field(p, OPAQUE) for p in schema.opaque)), key=lambda f: f.pattern.count("/")
    ):
        node = root
        for step in field.pattern.split("/")[1:]:
            node = _step(node, step, field)
        node.target, node.embedded = field.target, field.embedded
    for name in schema.tokens:
        root.named[name].tokens = True
    return root


def _step(node: Node, step: str, field: Field) -> Node:
    if step == "**":
        node.star = Node(field.target, node.roles)
        return node.star
    if step != "*":
        if step not in node.named:
            node.named[step] = Node(node.star.target, node.roles, node.star.star)
        return node.named[step]
    if node.star.star is node.star:  # still the shared place for everything below
        node.star = Node(node.star.target, node.roles, node.star)
    return node.star


@cache
def _everything(target: str) -> Node:
    """Return the place below which every string has one target."""
    return Node(target, {})


class _Walk:
    """One pass over a document: collects segments, counts keys."""

    __slots__ = ("is_known", "keys", "other", "segments")

    def __init__(self, other: str, *, is_known: bool = False) -> None:
        self.other = other
        # Whether the members of the document are an API's own.
        self.is_known = is_known
        self.keys = 0
        self.segments: list[Segment] = []

    def value(self, value: Any, node: Node, role: str, path: str, depth: int) -> None:
        kind = type(value)
        if kind is dict:
            self.object(value, node, role, path, depth)
        elif kind is list:
            self.list(value, node, role, path, depth)
        elif kind is str and value:
            self.text(value, node, role, path, {})

    def object(self, value: dict[str, Any], node: Node, role: str, path: str, depth: int) -> None:
        if depth > jsontext.DEPTH_LIMIT:
            raise jsontext.too_deep()
        self.keys += len(value)
        given = value.get("role")
        if type(given) is str:
            role = given
        if "content_blocks" in value and "content" in value:
            raise MalformedBody("an object holds both `content` and `content_blocks`; upstreams read one or the other")
        named, star = node.named, node.star
        for key, item in value.items():
            child = named.get(key)
            step = f"{path}/{key}"
            if child is None:
                child = star
                if key not in VOCABULARY:
                    step = f"{path}/{jsontext.escape_pointer(key)}"
                    if len(key) > SHORT_KEY and star.target != DERIVED:
                        self.segments.append(Segment(key, self.key_target(star, role), step + jsontext.KEY_MARK))
            kind = type(item)
            if kind is str:
                if item:
                    self.text(item, child, role, step, value)
            elif kind is dict:
                self.object(item, child, role, step, depth + 1)
            elif kind is list:
                self.list(item, child, role, step, depth + 1)
            elif (kind is int or kind is float) and not -LONG_NUMBER < item < LONG_NUMBER:
                self.number(item, child, role, step, key)
        if len(self.segments) > SEGMENT_LIMIT:
            raise _too_many()

    def list(self, value: list[Any], node: Node, role: str, path: str, depth: int) -> None:
        if depth > jsontext.DEPTH_LIMIT:
            raise jsontext.too_deep()
        if node.tokens and self.tokens(value, node, path):
            return
        child = node.star
        for index, item in enumerate(value):
            kind = type(item)
            if kind is dict:
                self.object(item, child, role, f"{path}/{index}", depth + 1)
            elif kind is str:
                if item:
                    self.text(item, child, role, f"{path}/{index}", {})
            elif kind is list:
                self.list(item, child, role, f"{path}/{index}", depth + 1)
            elif (kind is int or kind is float) and not -LONG_NUMBER < item < LONG_NUMBER:
                self.number(item, child, role, f"{path}/{index}", "")
        if len(self.segments) > SEGMENT_LIMIT:
            raise _too_many()

    def tokens(self, value: Sequence[Any], node: Node, path: str) -> bool:
        """Tell whether a list holds numbers of tokens, or lists of them, which say what no pattern can read."""
        lists = [item if type(item) is list else [item] for item in value]
        if not value or not all(type(item) is int for listed in lists for item in listed):
            return False
        self.segments.append(Segment(TOKENS, node.target, path, kind=Kind.FILE))
        return True

    def text(self, text: str, node: Node, role: str, path: str, parent: dict[str, Any]) -> None:
        target = node.target
        if target == OPAQUE:
            if is_identifier(text):
                return
            target = self.other
        elif target == ROLE:
            target = node.roles.get(role, self.other)
        elif target in (MEDIA, SEALED):
            attached = attached_segment(text, parent, self.other, path)
            if attached is not None:
                if target == MEDIA:
                    self.segments.append(attached)
                return
            target = self.other
        elif target == DERIVED:
            return
        if node.embedded:
            inner = embedded_segments(text, target, path)
            if inner is not None:
                self.segments += inner
                return
        self.segments.append(Segment(text, target, path))

    def key_target(self, node: Node, role: str) -> str:
        """Return what the name of an unknown member is: what its text would be."""
        if node.target == ROLE:
            return node.roles.get(role, self.other)
        return self.other if node.target in ("", OPAQUE, MEDIA, SEALED) else node.target

    def number(self, value: float, node: Node, role: str, path: str, key: str) -> None:
        target = node.target
        if target in (OPAQUE, DERIVED):
            return
        if target == ROLE:
            target = node.roles.get(role, self.other)
        elif target in (MEDIA, SEALED):
            target = self.other
        is_own = target.endswith(".metadata") or (self.is_known and path.count("/") == 1)
        if not (is_own and key in NUMBERS):
            self.segments.append(number_segment(value, target, path, key))


def is_identifier(text: str) -> bool:
    """Tell an identifier or a word of an enumeration from text: short, ASCII, no blanks."""
    return len(text) <= _OPAQUE_LENGTH and text.isascii() and text.isprintable() and " " not in text


def attached_segment(text: str, parent: dict[str, Any], target: str, path: str) -> Segment | None:
    """Return the text of a file that a string holds, or the file itself where it is no text; None: no file."""
    attachment = read_attachment(text, parent)
    if attachment is None:
        return None
    if attachment.text is None:
        return Segment(attachment.kind, target, path, kind=Kind.FILE)
    return Segment(attachment.text, target, f"{path}#{BASE64_MARK}")


def number_segment(value: float, target: str, path: str, key: str) -> Segment:
    """Return a number as a text: its key, which says what it is, and its digits, which are what can be found."""
    before = f"{key[:KEY_LENGTH]}: " if key else ""
    return Segment(before + jsontext.digits(value), target, path, len(before), Kind.NUMBER)


def embedded_segments(text: str, target: str, path: str) -> list[Segment] | None:
    """Read JSON inside a string; None where it is no JSON object or list, so that the string itself is the segment."""
    if text[:1] not in "{[ \t\r\n" or path.count("#") >= _EMBEDDED_LIMIT:
        return None
    raw = text.encode()
    try:
        value = jsontext.decode(raw)
    except MalformedBody:
        return None
    walk = _Walk(target)
    walk.value(value, _everything(target), "", f"{path}#", 1)
    jsontext.require_distinct_keys(raw, walk.keys)
    return walk.segments
