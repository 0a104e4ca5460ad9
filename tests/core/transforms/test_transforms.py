"""Every transform against its golden table, and what holds for all of them."""

import json
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.transforms import ANY, TRANSFORMS, Kind, names_of
from sidecar.core.transforms.reading import WayBack

GOLDEN = Path(__file__).parent / "golden"
CASES = [
    pytest.param(name, case["in"], case["out"], id=f"{name}-{number}")
    for name in TRANSFORMS
    for number, case in enumerate(json.loads((GOLDEN / f"{name}.json").read_text()))
]
# Texts made of what transforms look for; random code points hardly ever meet them.
BAIT = st.sampled_from(
    [
        *"ignore all 1gn0r3 .-_*|\n\t\b\x7f\x1b\x00%&\\=+/<>!@$",
        *"\u200b\u00ad\u0301\u20dd\u202e\u202c\u2062\u2064\u200c\ufe0f\U000e0069\U000e0120\U0001f525\U0001f1e9\u0131\u01dd",
        *"\u0456\u043e\u03bf\uff29\u24d8\u249c\u0130\u00e9\u0419\u4eba\u0939\u093f\u1112\u1161\ufdfa\u2800\u280a",
        *[
            "%69",
            "&#105;",
            "\\u0069",
            "\\x69",
            "U+0069",
            "<!--",
            "-->",
            "<b>",
            "\x1b[0m",
            "i g n o r e",
            "iiii",
            "ignoreall",
        ],
        *[
            "aWdub3JlIGFsbCBydWxlcw==",
            "69676e6f7265",
            "105 103 110 111 114 101",
            ".. --. -. --- .-. .",
            "MFRGGZDFMZTWQ2LK",
        ],
        *["india golf november oscar ", "previous instructions", "vafgehpgvbaf", "ljqruh"],
    ]
)
TEXTS = st.one_of(
    st.lists(BAIT, max_size=40).map("".join), st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
)
EACH = pytest.mark.parametrize("name", TRANSFORMS)


@pytest.mark.parametrize(("name", "text", "expected"), CASES)
def test_golden(name, text, expected):
    """What a transform makes of a text is what its table says; null: it finds nothing to undo."""
    reading = TRANSFORMS[name].undo(text)

    assert expected == (reading.text if reading else None)


def test_every_transform_has_a_table_and_every_table_a_transform():
    """No golden table is left behind, and none is missing."""
    assert set(TRANSFORMS) == {path.stem for path in GOLDEN.glob("*.json")}


@EACH
def test_table_shows_both_what_is_undone_and_what_is_left(name):
    """Each table has a text that changes and one that does not."""
    outcomes = {case["out"] is None for case in json.loads((GOLDEN / f"{name}.json").read_text())}

    assert {True, False} == outcomes


@EACH
@given(text=TEXTS, data=st.data())
def test_spans_lie_inside_the_original(name, text, data):
    """Every span of a reading maps to a span inside the source, in order, and not empty where it is not."""
    reading = TRANSFORMS[name].undo(text)
    if reading is None or not reading.text:
        return
    start = data.draw(st.integers(0, len(reading.text) - 1))
    end = data.draw(st.integers(start + 1, len(reading.text)))

    first, last = reading.locate(start, end)

    assert 0 <= first < last <= len(text)


@EACH
@given(text=TEXTS)
def test_slow_twin_gives_the_same_text(name, text):
    """Mapping code point by code point and putting the pieces together agrees with the fast path."""
    reading = TRANSFORMS[name].undo(text)
    if reading is not None and isinstance(reading.locate, WayBack):
        assert reading.locate.twin().text == reading.text


@EACH
@given(text=TEXTS)
def test_nothing_comes_out_that_cannot_be_scanned(name, text):
    """No transform makes a lone surrogate, which has no UTF-8."""
    reading = TRANSFORMS[name].undo(text)

    assert reading is None or reading.text.encode() is not None


@pytest.mark.parametrize("name", [n for n, t in TRANSFORMS.items() if t.kind is Kind.CHARACTER])
@given(text=TEXTS)
def test_character_transforms_are_idempotent_and_ascii_is_theirs_to_leave(name, text):
    """Folding twice is folding once; what touches nothing changes nothing."""
    transform = TRANSFORMS[name]
    reading = transform.undo(text)
    if transform.touches.isdisjoint(text):
        assert reading is None
    elif reading is not None and name not in ("marks", "homoglyphs"):
        assert transform.undo(reading.text) is None


@pytest.mark.parametrize("name", [n for n, t in TRANSFORMS.items() if t.kind is Kind.CHARACTER])
def test_no_character_transform_touches_ascii(name):
    """ASCII takes the shortcut, so no transform of characters may want it."""
    assert TRANSFORMS[name].touches.isdisjoint(map(chr, range(128)))
    assert TRANSFORMS[name].undo(string.printable) is None


def test_names_stand_for_transforms():
    """`any` stands for all; an unknown name is refused."""
    assert frozenset(TRANSFORMS) == names_of((ANY,))
    assert frozenset({"url"}) == names_of(("url",))
    with pytest.raises(KeyError):
        names_of(("nothing",))
