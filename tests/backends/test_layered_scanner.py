"""Two databases answer as one: checked against the reference scanner."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.backends.layered_scanner import LayeredScanner, layer_of
from sidecar.backends.re_scanner import ReScanner
from sidecar.core.scan import Gate

GATES = [
    Gate("ignore"),
    Gate(r"\b[0-9]{3}-[0-9]{4}\b", literal=False),
    Gate(r"a[0-9]?b", literal=False),
    Gate(r"(?:[0-9]{2}|x)y", literal=False),
    Gate(r"(?:[0-9]a|b[0-9])", literal=False),
    Gate("7up"),
    Gate(r"\d{2}", literal=False),
    Gate("игнор"),
    Gate(r"[^\x00-\x7f] ?[а-я]", literal=False),
]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (r"[0-9]{3}", "digit"),
        (r"a[0-9]+b", "digit"),
        (r"(?:1|2[0-9])", "digit"),
        (r"\d", "digit"),
        (r"(?:a|5)", "any"),
        (r"[0-9]*", "any"),
        (r"[0-9]{0,3}x", "any"),
        (r"[0-9a]", "any"),
        (r"[^0-9]", "any"),
        (r"(?P<broken", "any"),
        (r"(?=[0-9])x", "any"),
        (r"[^\x00-\x7f] x", "foreign"),
        (r"[^\x00-\x7e]", "any"),
        (r"игнор\s+x", "foreign"),
        (r"[а-я]{3}", "foreign"),
        (r"[а-яa]", "any"),
        (r"é?x", "any"),
    ],
)
def test_layers_of_shapes(expression, expected):
    """Only what cannot match without such a character waits for one."""
    assert expected == layer_of(Gate(expression, literal=False))


@pytest.mark.parametrize(
    ("gate", "expected"),
    [
        (Gate(r"\d", literal=False, unicode=True), "any"),
        (Gate(r"\xe2\x80", literal=False, bytewise=True), "any"),
        (Gate("ignore"), "any"),
        (Gate("игнор"), "foreign"),
        (Gate("7up"), "any"),
    ],
)
def test_layers_of_other_gates(gate, expected):
    """Unicode digits, bytes and literals have their own ways."""
    assert expected == layer_of(gate)


@given(st.text(alphabet="ab xy-0123ignore7upигнорé", max_size=40))
def test_layers_answer_as_one(text):
    """The same gates fire, as sets."""
    assert set(ReScanner(GATES).scan(text)) == set(SCANNER.scan(text))


SCANNER = LayeredScanner(GATES)


def test_shipped_gates_answer_as_one_database(snapshot):
    """Every gate of the shipped rules, on text made of their own literals, digits and noise."""
    gates = [gate for gate in snapshot.table.gates if not gate.prefilter and not gate.bytewise]
    layered, slow = LayeredScanner(gates), ReScanner(gates)
    literals = [gate.expression for gate in gates if gate.literal]
    source = random.Random(3)
    for _ in range(25):
        parts = source.choices(
            ["12", "4111-1111", "a1", "é", "中", " ", "-", ".", "0x1f", *source.choices(literals, k=6)], k=12
        )
        text = "".join(parts)

        assert set(slow.scan(text)) <= set(layered.scan(text))
