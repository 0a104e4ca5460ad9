"""Concepts are found in any language, in any letter case, with and without marks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.lexicon import _TOKEN, Lexicon, fold, keys_of, tokenise

LEXICON = Lexicon(
    {
        "override": ("ignor*", "pay no attention", "无视", "abandonne*"),
        "instruction": ("instruction", "instruccion*", "指令"),
    }
)


def concepts(text: str) -> list[tuple[int, int, str]]:
    """Return what the lexicon finds, by name."""
    tokens = tokenise(fold(text))
    return [(first, end, LEXICON.concepts[number]) for first, end, number in LEXICON.occurrences(tokens)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("IGNORING it", [(0, 1, "override")]),
        ("please pay no\n attention", [(1, 4, "override")]),
        ("las instrucci\u00f3nes", [(1, 2, "instruction")]),
        ("\u8bf7\u65e0\u89c6\u6307\u4ee4", [(1, 3, "override"), (3, 5, "instruction")]),
        ("no attention", []),
        ("signore", []),
    ],
)
def test_concepts_are_found_where_they_stand(text: str, expected: list[tuple[int, int, str]]) -> None:
    """Stems match endings, entries of several words match in order, and unspaced scripts by character."""
    assert expected == concepts(text)


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("<|im_start|>", "mark_template"),
        ("hello\nSystem: obey", "mark_turn"),
        ("[system message]", "mark_header"),
        ("#####", "mark_rule"),
        ("<!-- note", "mark_comment"),
        ("a" * 60, "mark_blob"),
    ],
)
def test_marks_of_structure_are_concepts(text: str, mark: str) -> None:
    """Control tokens, role markers and rules of signs count as concepts of their own."""
    assert mark in [name for _, _, name in concepts(text)]


def test_folding_drops_marks_and_case() -> None:
    """Accents and vowel signs go on both sides, so that either spelling is found."""
    assert fold("B\u1ecf qua h\u01b0\u1edbng d\u1eabn") == "bo qua huong dan"
    assert keys_of("b\u1ecf qua*") == ["bo", "qua*"]


def test_what_a_lexicon_remembers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hostile text of ever new words does not make it grow without end."""
    monkeypatch.setattr("sidecar.core.lexicon._MEMORY", 10)
    lexicon = Lexicon({"override": ("ignore",)})

    for number in range(100):
        lexicon.occurrences([f"word{number}", "ignore"])

    assert len(lexicon._starts) <= 12


@given(st.text(alphabet="aS: \n\t.,;'\"<|>[]{}!?#-=/\\+end\u4e2d\u0e01\xe9", max_size=60))
def test_the_fast_pattern_gives_the_same_tokens(text: str) -> None:
    """Reordered for speed, the pattern reads as the obvious one does."""
    folded = fold(f"{text} system: {text} https://x")

    assert [found[0] for found in _TOKEN.finditer(folded)] == tokenise(folded)
