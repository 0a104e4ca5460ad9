"""JSON as strictly as any upstream reads it, and edits of its strings in place: every other byte stays as it was."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from sidecar.core.attachments import BASE64_MARK, edit_attachment
from sidecar.core.splice import apply_edits
from sidecar.errors import BodyTooLarge, EngineError, MalformedBody
from sidecar.model import Edit

# Coraza allows 1024 levels; no LLM API needs more than a dozen. Deep nesting only costs the parsers behind us.
DEPTH_LIMIT = 128
# Ends the pointer to an object's key, as opposed to its value. Behind any other tilde there is a digit.
KEY_MARK = "~"

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"')
_KEY = re.compile(rb'"(?:[^"\\]|\\.)*+"(\s*:)?')
_SKIP = re.compile(rb"[\s,:]*")
_SCALAR = re.compile(rb"[^\s,\]}]+")
_ESCAPE = re.compile(rb"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|u....|.)", re.DOTALL)


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
    value = decode(body)
    require_distinct_keys(body, _count_keys(value))
    return value


def decode(body: bytes) -> Any:
    """Read a JSON document; the caller has still to count its keys for `require_distinct_keys`, and its levels.

    Raises:
        MalformedBody: not JSON (RFC 8259) in UTF-8.
        BodyTooLarge: nested so deeply that the reader gave up.
    """
    try:
        return msgspec.json.decode(body)
    except RecursionError:
        raise too_deep() from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedBody(f"the body is not JSON in UTF-8 (RFC 8259): {_where(error, body)}") from None


def require_distinct_keys(body: bytes, count: int) -> None:
    """Refuse a document in which an object repeats a key, however it is spelled.

    Args:
        body: the document.
        count: how many keys its objects had after reading, when a repeated key is gone.

    Raises:
        MalformedBody: there are more keys in the document.
    """
    # Every key has a colon of its own: where there are no others, nothing is repeated. One byte is counted much faster
    # than two are searched for.
    if body.count(b":") == count:
        return
    # Where no colon follows white space, every key is followed by `":`, so this count is never below the true one.
    spaced = b" :" in body or b"\n:" in body or b"\t:" in body or b"\r:" in body
    if not spaced and body.count(b'":') == count:
        return
    if count != sum(1 for found in _KEY.finditer(body) if found[1]):
        raise MalformedBody("an object in the JSON body repeats a key; parsers disagree on which one counts")


def too_deep() -> BodyTooLarge:
    """Return the error of a document with too many levels."""
    return BodyTooLarge(f"the JSON is nested deeper than {DEPTH_LIMIT} levels")


def _where(error: Exception, body: bytes) -> str:
    """Keep the position and drop the rest: a parser's message may quote the body."""
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as undecodable:  # msgspec counts from the string's beginning
        return f"byte {undecodable.start}"
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
    raise too_deep()


def digits(value: float) -> str:
    """Return a number as a reader would write it: without exponent, and without a fraction that is nothing."""
    return str(int(value)) if value == int(value) else repr(value)


def escape_pointer(key: str) -> str:
    """Escape one reference token of a JSON pointer (RFC 6901, section 3), and `#`, which leads into a string, as `~2`."""
    return key.replace("~", "~0").replace("/", "~1").replace("#", "~2")


def edit_strings(body: bytes, edits: Sequence[Edit]) -> bytes:
    """Apply edits to the strings of a JSON document; all other bytes stay as they were.

    Args:
        body: a document that `parse` accepted.
        edits: in order and without overlap for each path; a path may go on, after `#`, inside a string that holds
            JSON or base64, and may end in `KEY_MARK` for the key instead of its value. Edits of a number count its
            digits, and make it a string.

    Returns:
        The edited document.

    Raises:
        EngineError: an edit names no string of the body, or the edited keys of an object are no longer distinct.
    """
    edited = _splice(body, _patches(body, edits))
    if any(edit.path.endswith(KEY_MARK) for edit in edits):
        try:
            parse(edited)
        except MalformedBody:
            raise EngineError("masking the keys of an object made two of them alike") from None
    return edited


# A stretch of a document, in bytes, and what takes its place.
Patch = tuple[int, int, bytes]


def _splice(body: bytes, patches: Sequence[Patch]) -> bytes:
    parts: list[bytes] = []
    done = 0
    for start, end, new in patches:
        parts += (body[done:start], new)
        done = end
    return b"".join((*parts, body[done:]))


def _patches(body: bytes, edits: Sequence[Edit]) -> list[Patch]:
    """Turn edits of strings into patches of the document, in order of place."""
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
    patches: list[Patch] = []
    for path, (start, end) in sorted(spans.items(), key=lambda item: item[1]):
        literal = body[start:end]
        if not literal.startswith(b'"'):
            patches.append((start, end, _as_string(literal, here.get(path, ()))))
            continue
        changes = [(edit.start, edit.end, edit.replacement) for edit in here.get(path, ())]
        if path in inside:
            changes += _embedded_changes(msgspec.json.decode(literal), inside[path])
        patches += ((start + left, start + right, new) for left, right, new in _literal_patches(literal, changes))
    return patches


# A stretch of a text, in code points, and what takes its place.
Change = tuple[int, int, str]


def _as_string(literal: bytes, edits: Sequence[Edit]) -> bytes:
    """Write an edited number as a string: JSON has no other place for what masks it."""
    text = digits(msgspec.json.decode(literal))
    if not edits or max(edit.end for edit in edits) > len(text):
        raise EngineError("an edit reaches past the end of its number")
    return json.dumps(apply_edits(text, edits), ensure_ascii=False).encode()


def _embedded_changes(text: str, edits: Sequence[Edit]) -> list[Change]:
    """Turn edits of JSON or base64 inside a string into changes of that string."""
    if edits[0].path == BASE64_MARK:
        return [edit_attachment(text, edits)]
    raw = text.encode()
    if any(edit.path.endswith(KEY_MARK) for edit in edits):
        edit_strings(raw, edits)  # raises where keys would no longer be distinct
    if text.isascii():
        return [(start, end, new.decode()) for start, end, new in _patches(raw, edits)]
    return [
        (len(raw[:start].decode()), len(raw[:end].decode()), new.decode()) for start, end, new in _patches(raw, edits)
    ]


def _literal_patches(literal: bytes, changes: Sequence[Change]) -> list[Patch]:
    """Place changes of a text in the string literal that holds it, quotes included; the rest keeps its escapes."""
    ordered = sorted(changes)
    marks = _byte_offsets(literal, [point for start, end, _ in ordered for point in (start, end)])
    return [
        (marks[2 * index], marks[2 * index + 1], json.dumps(new, ensure_ascii=False)[1:-1].encode())
        for index, (_, _, new) in enumerate(ordered)
    ]


def _byte_offsets(literal: bytes, points: Sequence[int]) -> list[int]:
    """Return the byte of a string literal at which each code point of its text begins; `points` ascend."""
    offsets: list[int] = []
    byte, count = 1, 0
    escapes = [found.span() for found in _ESCAPE.finditer(literal, 1)]
    for start, end in (*escapes, (len(literal) - 1, len(literal))):
        plain = literal[byte:start].decode()
        while len(offsets) < len(points) and points[len(offsets)] - count <= len(plain):
            offsets.append(byte + len(plain[: points[len(offsets)] - count].encode()))
        count += len(plain) + 1
        byte = end
    if len(offsets) != len(points):
        raise EngineError("an edit reaches past the end of its string")
    return offsets


def locate(body: bytes, wanted: Collection[str]) -> dict[str, tuple[int, int]]:
    """Find where strings and numbers stand in a document.

    Args:
        body: a document that `parse` accepted.
        wanted: JSON pointers; one that ends in `KEY_MARK` means the key.

    Returns:
        The byte span of each literal, quotes included, by pointer.
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
            if pointer in wanted and character in _EDITABLE:
                spans[pointer] = (position, end)
            position = _skip(body, end)
        if not frames or position >= len(body) or body[position] in b"}]":
            continue
        parent, index = frames[-1]
        if index is None:
            end = _token_end(body, position)
            pointer = f"{parent}/{escape_pointer(msgspec.json.decode(body[position:end]))}"
            if pointer + KEY_MARK in wanted:
                spans[pointer + KEY_MARK] = (position, end)
            position = _skip(body, end)
        else:
            pointer = f"{parent}/{index}"
            frames[-1] = (parent, index + 1)
    return spans


# What begins a string or a number.
_EDITABLE = b'"-0123456789'


def _skip(body: bytes, position: int) -> int:
    found = _SKIP.match(body, position)
    return found.end() if found else position


def _token_end(body: bytes, position: int) -> int:
    found = (_STRING if body[position] == 0x22 else _SCALAR).match(body, position)
    assert found is not None, "the document was parsed before"
    return found.end()
