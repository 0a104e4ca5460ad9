"""Forms and multipart bodies are read strictly: what two parsers could read differently is refused."""

import pytest

from sidecar.core.extract import extract
from sidecar.core.schemas import request_schema
from sidecar.errors import BodyTooLarge, InputError

FORM = request_schema("/v1/x", "application/x-www-form-urlencoded")
MULTI = request_schema("/v1/x", "multipart/form-data; boundary=B")
PART = b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\nhello\r\n'


def test_form_names_and_values_are_segments():
    """Both reach the upstream, so both are read, decoded as the upstream decodes them."""
    assert [(s.text, s.path) for s in extract(b"na+me=v%C3%A4lue%2B&x", FORM)] == [
        ("na me", "/0~"),
        ("välue+", "/0"),
        ("x", "/1~"),
    ]


@pytest.mark.parametrize("body", [b"a=%zz", b"a=%4", b"a=1;b=2", b"a=\xff", b"a=%FF"])
def test_odd_forms_are_refused(body):
    """Broken escapes, raw bytes and `;` are read differently by different parsers."""
    with pytest.raises(InputError):
        extract(body, FORM)


def test_multipart_texts_and_headers_are_segments():
    """The header holds names and file names, the content the text."""
    texts = [s.text for s in extract(PART + b"--B--", MULTI)]

    assert texts == ['Content-Disposition: form-data; name="a"', "hello"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        PART,
        b"preamble\r\n" + PART + b"--B--",
        PART + b"--B--\r\nepilogue",
        PART + b"--Bx\r\n",
        b"--B\r\nno blank line\r\n--B--",
        b"--B\r\nA: 1\r\nA: 2\r\n\r\nx\r\n--B--",
        b"--B\r\nA: 1\r\n folded\r\n\r\nx\r\n--B--",
        b"--B\r\nContent-Transfer-Encoding: base64\r\n\r\neA==\r\n--B--",
        b"--B\r\nContent-Type: application/pdf\r\n\r\n%PDF\r\n--B--",
        b"--B\r\nContent-Type: text/plain; charset=utf-7\r\n\r\nx\r\n--B--",
        PART.replace(b"\r\n", b"\n") + b"--B--",
    ],
)
def test_odd_multipart_is_refused(body):
    """Preambles, folded or repeated headers, transfer encodings, a missing end: refused."""
    with pytest.raises(InputError):
        extract(body, MULTI)


def test_multipart_without_boundary_is_refused():
    """There is no telling where its parts are."""
    with pytest.raises(InputError):
        extract(PART + b"--B--", request_schema("/v1/x", "multipart/form-data"))


def test_too_many_fields_are_refused():
    """A form of very many fields is a limit passed."""
    with pytest.raises(BodyTooLarge):
        extract(b"&".join([b"a=1"] * 3000), FORM)


def test_every_line_is_a_document():
    """JSON lines are read line by line, each as strictly as a body."""
    schema = request_schema("/v1/x", "application/x-ndjson")

    assert [(s.text, s.path) for s in extract(b'{"a":"hi"}\n\n{"b":"ho"}', schema)] == [
        ("hi", "/0#/a"),
        ("ho", "/2#/b"),
    ]
    with pytest.raises(InputError):
        extract(b'{"a":"hi"}\n{"b":', schema)
