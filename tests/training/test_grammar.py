"""Text of our own: reproducible, labelled, in many languages, with nothing left unexpanded."""

from __future__ import annotations

import random
import re

import pytest

from sidecar.training.grammar import Grammar, generate


def test_the_same_seed_gives_the_same_texts() -> None:
    """A model can be learned again."""
    assert generate(3, english=20, others=2) == generate(3, english=20, others=2)


def test_attacks_have_their_look_alikes() -> None:
    """Each language has both labels, and there are at least English and ten others."""
    records = generate(3, english=20, others=2)
    attacked = {record.lang for record in records if record.is_attack}

    assert attacked == {record.lang for record in records if not record.is_attack}
    assert len(attacked) > 20
    assert not [record.text for record in records if re.search(r"(?<!\{)\{[a-z0-9]+\}(?!\})", record.text)]


def test_alternatives_nest() -> None:
    """A part of a group may hold groups and names."""
    grammar = Grammar({"who": ["me", "us"]}, random.Random(1))
    texts = {grammar.expand("tell (all|{who}( now|))") for _ in range(50)}

    assert texts == {"tell all", "tell me", "tell me now", "tell us", "tell us now"}


def test_a_group_that_is_not_closed_is_a_fault() -> None:
    """A slip in a grammar is found, not generated."""
    with pytest.raises(ValueError, match="not closed"):
        Grammar({}, random.Random(1)).expand("a (b|c")
