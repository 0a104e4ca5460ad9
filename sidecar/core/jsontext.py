"""JSON as strictly as any upstream reads it, and edits of its strings in place: every other byte stays as it was."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import msgspec

from sidecar.core.decide import apply_edits
from sidecar.errors import BodyTooLarge, EngineError, MalformedBody
from sidecar.model import Edit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Coraza allows 1024 levels; no LLM API needs more than a dozen. Deep nesting only costs the parsers behind us.
DEPTH_LIMIT = 128

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"')
_KEY = re.compile(rb'"(?:[^"\\]|\\.)*+"(\s*:)?')
_SKIP = re.compile(rb"[\s,:]*")
_SCALAR = re.compile(rb"[^\s,\]}]+")


def parse(body: bytes) -> Any:
    """Read a JSON document that every parser reads alike.

    Args:
        body: the document, UTF-8 without a byte-order mark.

    Returns:
        The value.

    Raises:
        MalformedBody: not JSON (RFC 8259), not UTF-8, or an object repeats a key, which parsers read differently.
        BodyTooLarge: nested deeper than `DEPTH_LIMIT`.
    """
    try:
        value = msgspec.json.decode(body)
    except RecursionError:
        raise BodyTooLarge(f"the JSON is nested deeper than {DEPTH_LIMIT} levels") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedBody(f"the body is not JSON in UTF-8 (RFC 8259): {_where(error)}") from None
    keys = _count_keys(value)
    if keys != sum(1 for found in _KEY.finditer(body) if found[1]):
        raise MalformedBody("an object in the JSON body repeats a key; parsers disagree on which one counts")
    return value


def _where(error: Exception) -> str:
    """Keep the position and drop the rest: a parser's message may quote the body."""
    found = re.search(r"\((?:byte|position) (\d+)\)|position (\d+)", str(error))
    return f"byte {found[1] or found[2]}" if found else "it ends too early"


def _count_keys(root: Any) -> int:
    """Count the keys of all objects, level by level; raises past the depth limit."""
    count, level = 0, [root]
    for _ in range(DEPTH_LIMIT):
        below: list[Any] = []
        for value in level:
            if type(value) is dict:
                count += len(value)
                below.extend(value.values())
            elif type(value) is list:
                below.extend(value)
        if not below:
            return count
        level = [value for value in below if type(value) is dict or type(value) is list]
    raise BodyTooLarge(f"the JSON is nested deeper than {DEPTH_LIMIT} levels")


def escape_pointer(key: str) -> str:
    """Escape one reference token of a JSON pointer (RFC 6901, section 3)."""
    return key.replace("~", "~0").replace("/", "~1")


def edit_strings(body: bytes, edits: Sequence[Edit]) -> bytes:
    """Apply edits to the strings of a JSON document; all other bytes stay as they were.

    Args:
        body: a document that `parse` accepted.
        edits: in order and without overlap for each path; a path may go on, after `#`, inside a string that holds JSON.

    Returns:
        The edited document.
    """
    here: dict[str, list[Edit]] = {}
    inside: dict[str, list[Edit]] = {}
    for edit in edits:
        outer, separator, inner = edit.path.partition("#")
        if separator:
            inside.setdefault(outer, []).append(Edit(inner, edit.start, edit.end, edit.replacement))
        else:
            here.setdefault(outer, []).append(edit)
    spans = locate(body, {*here, *inside})
    if len(spans) != len({*here, *inside}):
        raise EngineError("an edit names a place that is no string of the body")
    parts: list[bytes] = []
    done = 0
    for path, (start, end) in sorted(spans.items(), key=lambda item: item[1]):
        text = msgspec.json.decode(body[start:end])
        new = apply_edits(text, here[path]) if path in here else edit_strings(text.encode(), inside[path]).decode()
        parts += (body[done:start], _splice(body[start:end], text, new))
        done = end
    return b"".join((*parts, body[done:]))


def _splice(raw: bytes, old: str, new: str) -> bytes:
    """Write the changed middle of a string literal; its unchanged head and tail keep their own escapes."""
    head = _common(old, new)
    tail = _common(old[head:][::-1], new[head:][::-1])
    marks = _literal_offsets(raw)
    middle = json.dumps(new[head : len(new) - tail], ensure_ascii=False)[1:-1].encode()
    return raw[: marks[head]] + middle + raw[marks[len(old) - tail] :]


def _common(left: str, right: str) -> int:
    for index, (one, other) in enumerate(zip(left, right, strict=False)):
        if one != other:
            return index
    return min(len(left), len(right))


_UNIT = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|[\xf0-\xf7].{3}|[\xe0-\xef].{2}|[\xc0-\xdf].|.",
    re.DOTALL,
)


def _literal_offsets(raw: bytes) -> list[int]:
    """For each code point of a string literal, and its end, the byte where it begins; quotes included."""
    return [found.start() for found in _UNIT.finditer(raw, 1)]


def locate(body: bytes, wanted: Mapping[str, Any] | set[str]) -> dict[str, tuple[int, int]]:
    """Find where strings stand in a document.

    Args:
        body: a document that `parse` accepted.
        wanted: JSON pointers.

    Returns:
        The byte span of each string literal, quotes included, by pointer.
    """
    spans: dict[str, tuple[int, int]] = {}
    # One frame per open container: its pointer, and the index of the next item; None while an object waits for a key.
    frames: list[tuple[str, int | None]] = []
    pointer, position = "", _skip(body, 0)
    while position < len(body):
        character = body[position]
        if character in b"{[":
            frames.append((pointer, None if character == 0x7B else 0))
            position = _skip(body, position + 1)
        elif character in b"}]":
            frames.pop()
            position = _skip(body, position + 1)
        else:
            end = _token_end(body, position)
            if pointer in wanted and character == 0x22:
                spans[pointer] = (position, end)
            position = _skip(body, end)
        if not frames or position >= len(body) or body[position] in b"}]":
            continue
        parent, index = frames[-1]
        if index is None:
            end = _token_end(body, position)
            pointer = f"{parent}/{escape_pointer(msgspec.json.decode(body[position:end]))}"
            position = _skip(body, end)
        else:
            pointer = f"{parent}/{index}"
            frames[-1] = (parent, index + 1)
    return spans


def _skip(body: bytes, position: int) -> int:
    found = _SKIP.match(body, position)
    return found.end() if found else position


def _token_end(body: bytes, position: int) -> int:
    found = (_STRING if body[position] == 0x22 else _SCALAR).match(body, position)
    assert found is not None, "the document was parsed before"
    return found.end()
