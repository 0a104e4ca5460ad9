"""Edits reach their place in every syntax of a body, and what they do not name stays byte for byte."""

import pytest

from sidecar.core.extract import extract
from sidecar.core.mask import mask
from sidecar.core.schemas import JSON_REQUEST, TEXT_REQUEST, request_schema
from sidecar.errors import EngineError
from sidecar.model import Edit

MULTIPART = (
    b'--B\r\nContent-Disposition: form-data; name="prompt"\r\n\r\nmail bob@example.com now\r\n'
    b'--B\r\nContent-Disposition: form-data; name="j"\r\nContent-Type: application/json\r\n\r\n{"k": "bob@example.com"}\r\n'
    b'--B\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n\x89PNG\xff\r\n--B--\r\n'
)
BODIES = {
    "text/plain": b"mail bob@example.com now",
    "application/json": b'{"messages": [{"role": "user", "content": "mail bob@example.com"}]}',
    "application/x-ndjson": b'{"a": 1}\n\n{"b": ["bob@example.com"]}\n',
    "application/x-www-form-urlencoded": b"a=mail+bob%40example.com&b=%7B%22k%22%3A%22bob%40example.com%22%7D&c",
    "multipart/form-data; boundary=B": MULTIPART,
}
EXPECTED = {
    "text/plain": b"mail <E> now",
    "application/json": b'{"messages": [{"role": "user", "content": "mail <E>"}]}',
    "application/x-ndjson": b'{"a": 1}\n\n{"b": ["<E>"]}\n',
    "application/x-www-form-urlencoded": b"a=mail+%3CE%3E&b=%7B%22k%22%3A%22%3CE%3E%22%7D&c",
    "multipart/form-data; boundary=B": MULTIPART.replace(b"bob@example.com", b"<E>"),
}


@pytest.mark.parametrize("content_type", BODIES)
def test_every_syntax_is_masked_in_place(content_type):
    """The value is gone, and every other byte stays."""
    schema = request_schema("/v1/chat/completions", content_type)
    body = BODIES[content_type]
    edits = [
        Edit(s.path, start, start + 15, "<E>")
        for s in extract(body, schema)
        if (start := s.text.find("bob@example.com")) >= 0
    ]

    assert EXPECTED[content_type] == mask(body, edits, schema)


@pytest.mark.parametrize("content_type", BODIES)
def test_no_edits_give_the_body_itself(content_type):
    """A clean body is passed on as it is."""
    body = BODIES[content_type]

    assert mask(body, [], request_schema("/x", content_type)) is body


@pytest.mark.parametrize("content_type", [name for name in BODIES if name != "text/plain"])
def test_edit_of_no_part_is_an_error(content_type):
    """An edit that names no part is never dropped."""
    with pytest.raises(EngineError):
        mask(BODIES[content_type], [Edit("/77", 0, 1, "x")], request_schema("/x", content_type))


def test_plain_text_is_edited_as_text():
    """Code points, not bytes."""
    assert "é<X>".encode() == mask("éü".encode(), [Edit("", 1, 2, "<X>")], TEXT_REQUEST)


def test_key_and_value_are_edited_together():
    """A key and its value may both be masked."""
    body = b'{"bob@example.com": "bob@example.com"}'
    edits = [Edit(s.path, 0, 15, "<E>") for s in extract(body, JSON_REQUEST)]

    assert mask(body, edits, JSON_REQUEST) == b'{"<E>": "<E>"}'
