"""The gate: says no only to text without any word that may be a name."""

import pytest

from sidecar.backends import ner_gate
from sidecar.backends.ner_gate import NameGate
from tests.backends import tiny_ner


@pytest.fixture
def gate():
    return NameGate(tiny_ner.tables().gazetteer)


@pytest.mark.parametrize(
    "text", ["the works", "The works.", "", "42 + 1", "!?", "WORKS", "may the works", "\u0660\u0661"]
)
def test_nothing_here(gate, text):
    """Common words, in any letter case, and signs."""
    assert not gate.passes(text)


@pytest.mark.parametrize(
    "text",
    [
        "ada",
        "the london works",
        "Zork",
        "zork",
        "May works",
        "\u0644\u0646\u062f\u0646",
        "\u5f20\u4f1f",
        "\u00e9va",
        "O'Brien",
    ],
)
def test_may_be_a_name(gate, text):
    """Listed names in small letters, unknown words, other scripts, words that are names when capitalised."""
    assert gate.passes(text)


def test_memory_is_bounded(gate, monkeypatch):
    """Random words do not fill memory."""
    monkeypatch.setattr(ner_gate, "_REMEMBERED", 10)
    for number in range(100):
        gate.passes("the " + "abcdefghij"[number % 10] * number)

    assert len(gate._known) <= 10
