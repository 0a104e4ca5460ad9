"""Step 1, extract: the body of a message gives its segments; every string that can reach a model is one."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from sidecar.core import jsontext
from sidecar.core.schemas import Field, Schema
from sidecar.errors import BodyTooLarge, MalformedBody
from sidecar.model import TARGETS, Segment

if TYPE_CHECKING:
    from collections.abc import Iterator

# More strings than any conversation holds; each costs a scan, so a body of a million empty strings must not pass.
SEGMENT_LIMIT = 20_000
_EMBEDDED_LIMIT = 3


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
    """
    if schema.name == "text":
        return [Segment(_decode(body), schema.other)]
    root = jsontext.parse(body)
    segments: list[Segment] = []
    for segment in _walk(root, _tree(schema), schema):
        segments.append(segment)
        if len(segments) > SEGMENT_LIMIT:
            raise BodyTooLarge(f"the message holds more than {SEGMENT_LIMIT} strings")
    return segments


def _decode(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedBody(f"the body is not UTF-8 (byte {error.start})") from None


# A pattern tree: the next step of a pointer to the tree below it; None holds what a string at this place is.
Tree = dict[str | None, Any]
_OPAQUE = Field("", "")


@cache
def _tree(schema: Schema) -> Tree:
    tree: Tree = {}
    for field in (*schema.fields, *(Field(pattern, "") for pattern in schema.opaque)):
        node = tree
        for step in field.pattern.split("/")[1:]:
            node = node.setdefault(step, {})
        node[None] = field if field.target else _OPAQUE
    return tree


_NOTHING: Tree = {}


def _walk(root: Any, tree: Tree, schema: Schema) -> Iterator[Segment]:
    # An explicit stack, last in first out, so that no nesting of the body can exhaust ours.
    stack: list[tuple[Any, str, Tree, str]] = [(root, "", tree, "")]
    while stack:
        value, path, node, role = stack.pop()
        kind = type(value)
        if kind is str:
            if value:
                yield from _segments(value, path, node.get(None), role, schema)
        elif kind is dict:
            named = value.get("role")
            inner = named if type(named) is str else role
            items = [
                (item, f"{path}/{jsontext.escape_pointer(key)}", node.get(key) or node.get("*") or _NOTHING, inner)
                for key, item in value.items()
            ]
            stack.extend(reversed(items))
        elif kind is list:
            below = node.get("*") or _NOTHING
            stack.extend((item, f"{path}/{index}", below, role) for index, item in reversed(list(enumerate(value))))


def _segments(text: str, path: str, field: Field | None, role: str, schema: Schema) -> Iterator[Segment]:
    if field is _OPAQUE:
        return
    if field is None:
        yield Segment(text, schema.other, path)
        return
    target = field.target if field.target in TARGETS else dict(schema.roles).get(role, schema.other)
    if field.embedded and path.count("#") < _EMBEDDED_LIMIT:
        inner = _embedded(text)
        if inner is not None:
            plain = Schema(name="embedded", other=target)
            yield from (Segment(s.text, target, f"{path}#{s.path}") for s in _walk(inner, _NOTHING, plain))
            return
    yield Segment(text, target, path)


def _embedded(text: str) -> Any | None:
    """Read JSON inside a string; None where it is no JSON object or list, so that the string itself is the segment."""
    if text[:1] not in "{[":
        return None
    try:
        return jsontext.parse(text.encode())
    except MalformedBody:
        return None
