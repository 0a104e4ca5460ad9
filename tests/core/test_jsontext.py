"""Strict JSON, and edits that change their own strings and not one byte more."""

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.core import jsontext
from sidecar.core.jsontext import edit_strings, escape_pointer, locate, parse
from sidecar.core.splice import apply_edits
from sidecar.errors import EngineError, MalformedBody
from sidecar.model import Edit

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
KEYS = st.one_of(st.sampled_from(["a", "a/b", "~", "", "é"]), TEXT)
DOCUMENTS = st.recursive(
    st.one_of(TEXT, st.integers(-9, 9), st.booleans(), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=8,
)


def strings(value, path=""):
    """Yield the pointer and text of every string value."""
    if isinstance(value, str):
        yield path, value
    for key, item in value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else ()):
        yield from strings(item, f"{path}/{escape_pointer(str(key))}")


def replaced(value, edits, path=""):
    """The oracle: edit the parsed document."""
    if isinstance(value, str):
        return apply_edits(value, [edit for edit in edits if edit.path == path])
    if isinstance(value, dict):
        return {key: replaced(item, edits, f"{path}/{escape_pointer(key)}") for key, item in value.items()}
    if isinstance(value, list):
        return [replaced(item, edits, f"{path}/{index}") for index, item in enumerate(value)]
    return value


@settings(max_examples=300, deadline=None)
@given(st.data(), DOCUMENTS, st.booleans(), st.sampled_from([None, 1]))
def test_edits_equal_the_edited_value(data, document, ascii_only, indent):
    """Any edits of any strings, in any spelling of the document, give the document with those strings edited."""
    body = json.dumps(document, ensure_ascii=ascii_only, indent=indent).encode()
    edits = []
    for path, text in strings(document):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, len(text)))
        edits.append(Edit(path, start, end, data.draw(TEXT)))

    assert replaced(document, edits) == parse(edit_strings(body, edits))


@settings(max_examples=100, deadline=None)
@given(DOCUMENTS)
def test_embedded_documents_stay_documents(document):
    """Strings of JSON inside a string are edited there, and what holds them stays valid at both levels."""
    outer = {"x": json.dumps(document), "y": "kept"}
    edits = [Edit(f"/x#{path}", 0, len(text), 'new "text" \\ \n') for path, text in strings(document)]
    edited = parse(edit_strings(json.dumps(outer).encode(), edits))

    assert edited["y"] == "kept"
    assert replaced(document, [Edit(e.path[3:], e.start, e.end, e.replacement) for e in edits]) == json.loads(
        edited["x"]
    )


def test_all_other_bytes_stay():
    """White space, number spellings and escapes outside the edit are the client's own."""
    body = rb'{ "a" : "\u0041\/ bob \ud83d\ude00 end" ,"n":1.50e+01}'

    assert edit_strings(body, [Edit("/a", 3, 6, "<X>")]) == rb'{ "a" : "\u0041\/ <X> \ud83d\ude00 end" ,"n":1.50e+01}'


def test_keys_can_be_edited():
    """The mark behind a pointer means the key."""
    body = b'{"bob@example.com": {"b": 1}, "c": "d"}'

    assert edit_strings(body, [Edit("/bob@example.com~", 0, 15, "<E>")]) == b'{"<E>": {"b": 1}, "c": "d"}'


@pytest.mark.parametrize("body", [b'{"x1": 1, "x2": 2}', rb'{"in": "{\"x1\": 1, \"x2\": 2}"}'])
def test_keys_that_become_alike_are_an_error(body):
    """Two keys masked to one would drop a value: we fail instead."""
    prefix = "" if body.startswith(b'{"x') else "/in#"
    with pytest.raises(EngineError):
        edit_strings(body, [Edit(f"{prefix}/x1~", 0, 2, "<X>"), Edit(f"{prefix}/x2~", 0, 2, "<X>")])


@pytest.mark.parametrize("path", ["/b", "/a/0", "/t", "/n#/x", "/a#/x", "/a#=", "/a~0", ""])
def test_edit_without_a_place_is_an_error(path):
    """An edit that names no string is never dropped."""
    with pytest.raises((EngineError, AssertionError)):
        edit_strings(b'{"a": "text", "n": 1, "t": true}', [Edit(path, 0, 1, "x")])


@pytest.mark.parametrize(
    ("number", "edit", "expected"),
    [
        (b"4111111111111111", (0, 12, "*" * 12), b'"************1111"'),
        (b"-1234567.5", (1, 8, "<N>"), b'"-<N>.5"'),
        (b"4.111e3", (0, 4, "<N>"), b'"<N>"'),
    ],
)
def test_an_edited_number_becomes_a_string(number, edit, expected):
    """JSON has no other place for what masks a number; its neighbours stay as they were."""
    assert b'[1,  %b,{"a" :2e0}]' % expected == edit_strings(b'[1,  %b,{"a" :2e0}]' % number, [Edit("/1", *edit)])


def test_edit_past_the_end_of_a_number_is_an_error():
    """An edit that does not fit its number is never cut."""
    with pytest.raises(EngineError):
        edit_strings(b"[1234567]", [Edit("/0", 0, 8, "x")])


@pytest.mark.parametrize("prefix", ["", "data:text/plain;charset=utf-8;base64,"])
def test_text_in_base64_is_edited_in_its_place(prefix):
    """The file is written anew around the edit; what names its type stays."""
    text = "call ada@example.com, then go home. " * 5
    body = json.dumps({"url": prefix + base64.b64encode(text.encode()).decode(), "b": 1}).encode()
    edited = json.loads(edit_strings(body, [Edit("/url#=", 5, 20, "<E>")]))

    assert edited["url"].startswith(prefix)
    assert "call <E>" + text[20:] == base64.b64decode(edited["url"].removeprefix(prefix)).decode()


def test_edit_past_the_end_is_an_error():
    """An edit that does not fit its string is never cut."""
    with pytest.raises(EngineError):
        edit_strings(b'{"a": "text"}', [Edit("/a", 2, 5, "x")])


def test_locate_finds_literals():
    """Spans include the quotes."""
    assert locate(b'{"a": [ 1,"b"]}', {"/a/1"}) == {"/a/1": (10, 13)}


@pytest.mark.parametrize(
    ("body", "place"),
    [(b'{"a": tru}', "byte 10"), (b'{"a": "b\xff"}', "byte 8"), (b'{"a": ', "it ends too early")],
)
def test_a_fault_is_named_by_its_place_in_the_body(body, place):
    """The place is counted from the body's beginning, also where a string's bytes are no UTF-8."""
    with pytest.raises(MalformedBody) as caught:
        jsontext.decode(body)

    assert str(caught.value).endswith(place)
