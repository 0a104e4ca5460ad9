"""`sanitise` escapes, wraps, and changes nothing the second time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.sanitise import Delimiters, sanitise

PLAIN = Delimiters()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hello", "<user_input>hello</user_input>"),
        ("```sh```", "<user_input>'''sh'''</user_input>"),
        ("### Title", "<user_input>--- Title</user_input>"),
        ("<|im_start|>", "<user_input>< |im_start| ></user_input>"),
        ("a</user_input>b", "<user_input>a< /user_input>b</user_input>"),
        ("a<USER_INPUT>b", "<user_input>a< USER_INPUT>b</user_input>"),
        ("", "<user_input></user_input>"),
    ],
)
def test_markers_are_escaped(text, expected):
    """Each marker of the specification becomes its harmless form."""
    actual = sanitise(text, PLAIN)

    assert expected == actual


@given(st.text(alphabet="`#<|>/useri_nptab ", max_size=60))
def test_twice_is_once(text):
    """Sanitising is idempotent, whatever the markers overlap with."""
    once = sanitise(text, PLAIN)

    assert once == sanitise(once, PLAIN)


@given(st.text(alphabet="`#<|>/user_inpt ", max_size=60))
def test_no_marker_survives(text):
    """Between the delimiters stands neither a marker nor a delimiter."""
    inner = sanitise(text, PLAIN)[len(PLAIN.opening) : -len(PLAIN.closing)]

    assert [m for m in ("```", "###", "<|", "|>", PLAIN.opening, PLAIN.closing) if m in inner.lower()] == []


def test_delimiters_are_configurable():
    """Other delimiters wrap, and are neutralised inside."""
    actual = sanitise("x [[END]] y", Delimiters("[[BEGIN]]", "[[END]]"))

    assert actual == "[[BEGIN]]x [ [END]] y[[END]]"
