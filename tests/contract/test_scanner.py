"""Every scanner answers alike: Hyperscan is checked against `re` on text made to be hard."""

import random

import pytest

from sidecar.backends.hyperscan_scanner import HyperscanScanner
from sidecar.backends.re_scanner import ReScanner
from sidecar.core.plan import build_table
from sidecar.core.scan import Gate

ALPHABET = "abAB \n\0.*é中\U0001f600ignore<|>"


@pytest.fixture(scope="module")
def gates(snapshot):
    """The gates of the shipped rules, and some shapes of our own."""
    own = (Gate("ab"), Gate("aB", caseless=False), Gate("é中"), Gate(r"\ba{1,3}b?\b", literal=False), Gate("\0.*"))
    return (*build_table(snapshot.bundle.rule_set.rules).gates, *own)


def test_hyperscan_equals_re(gates):
    """The same gates fire on generated text, as sets."""
    source = random.Random(1)
    fast, slow = HyperscanScanner(gates), ReScanner(gates)
    literals = [gate.expression for gate in gates if gate.literal]
    for _ in range(300):
        parts = source.choices([*ALPHABET, *source.choices(literals, k=4)], k=source.randint(0, 30))
        text = "".join(parts)

        assert set(slow.scan(text)) == set(fast.scan(text)), text
