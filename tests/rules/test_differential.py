"""The differential finds an engine that misses, and none in the one that is used."""

import re

import pytest

from sidecar.backends.hyperscan_scanner import HyperscanScanner
from sidecar.backends.re_scanner import ReScanner
from sidecar.core.scan import Gate
from sidecar.delivery.build import differential
from sidecar.rules.differential import compare, example, make_case
from sidecar.rules.regexes import parse

GATES = [Gate("ignore"), Gate("забудь", unicode=True), Gate(r"\bghp_[A-Za-z0-9]{36}\b", literal=False, caseless=False)]


def matches(gate, text):
    return bool(ReScanner([GATES[gate]]).scan(text))


def test_compare_finds_nothing_missed_by_hyperscan():
    """Literals, letters beyond ASCII, expressions."""
    tally = compare(GATES, HyperscanScanner(GATES), matches, count=600)

    assert tally.missed == ()
    assert tally.hits > 600


def test_compare_names_what_a_blind_engine_misses():
    """A scanner that cannot see capitals is found out."""

    class Blind:
        def scan(self, text):
            return ReScanner([Gate(gate.expression, literal=gate.literal, caseless=False) for gate in GATES]).scan(text)

    tally = compare(GATES, Blind(), matches, count=60)

    assert {0, 1} & {gate for gate, _ in tally.missed}


def test_every_gate_has_its_turn():
    """As many cases as gates plant each one at least once."""
    assert {0, 1, 2} == {make_case(GATES, seed).gates[0] for seed in range(3)}


@pytest.mark.parametrize("expression", [r"(?:ab|cd){2,4}e?", r"[a-f0-9]{8}-x", r"\bfoo\s{1,3}bar\b", r"a[^b]c"])
def test_example_matches_its_expression(expression):
    """What is generated is what is looked for."""
    import random

    for seed in range(20):
        assert re.search(expression, example(parse(expression), random.Random(seed)))


def test_the_shipped_bundle_misses_nothing_in_a_short_run(snapshot):
    """What every compile does."""
    assert differential(snapshot, count=500, seed=11) == []


@pytest.mark.slow
def test_the_shipped_bundle_misses_nothing_in_200_000_cases(snapshot):
    """The long suite: all gates of the shipped bundle against the oracle."""
    assert differential(snapshot, count=200_000, seed=1_000_000) == []
