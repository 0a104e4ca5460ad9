"""Media types are read as strictly as the body depends on them."""

import pytest

from sidecar.core.media import parse_content_type
from sidecar.errors import UnsupportedContent


@pytest.mark.parametrize(
    ("value", "syntax"),
    [
        ("", "json"),
        ("application/json", "json"),
        ("Application/JSON; charset=UTF-8", "json"),
        ("application/vnd.api+json", "json"),
        ('application/json; charset="utf-8";', "json"),
        ("application/x-ndjson", "ndjson"),
        ("application/x-www-form-urlencoded", "form"),
        ('multipart/form-data; boundary="a b"', "multipart"),
        ("text/plain", "text"),
        ("text/html", "text"),
        ("application/xml", "text"),
        ("application/octet-stream", "unknown"),
        ("image/png", "unknown"),
    ],
)
def test_media_type_names_the_syntax(value, syntax):
    """Case, parameters and suffixes are understood."""
    assert syntax == parse_content_type(value).syntax


@pytest.mark.parametrize(
    "value",
    [
        "json",
        "application/json; charset=utf-16",
        "text/plain; charset=utf-7",
        "application/json; charset=utf-8; charset=utf-16",
        "application/json, text/plain",
        'multipart/form-data; boundary="bad\\\x01"',
        "application/json; =x",
    ],
)
def test_what_could_be_read_two_ways_is_refused(value):
    """Other charsets, repeated parameters and lists are refused."""
    with pytest.raises(UnsupportedContent):
        parse_content_type(value)


def test_boundary_is_unquoted():
    """A quoted boundary means what is between the quotes."""
    assert parse_content_type('multipart/form-data; boundary="a:b"').boundary == "a:b"
