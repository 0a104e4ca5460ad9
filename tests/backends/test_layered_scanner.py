"""Several databases answer as one: checked against the reference scanner."""

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
    Gate(r"[a-z]-[a-z]", literal=False),
    Gate(r"[a-z0]{16}", literal=False, caseless=False),
    Gate(r"[a-z] [a-z] ", literal=False),
    Gate(r"\xd0[\x80-\xbf]", literal=False, bytewise=True, caseless=False),
]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (r"[0-9]{3}", "digit"),
        (r"a[0-9]+b", "digit"),
        (r"(?:1|2[0-9])", "digit"),
        (r"\d", "digit"),
        (r"(?:a|5)", "shape"),
        (r"[0-9]*", "shape"),
        (r"[0-9]{0,3}x", "shape"),
        (r"[0-9]{0,3}xy", "word"),
        (r"(?:[0-9]{0,3}xy|z)", "shape"),
        (r"[a-z][Xx][yY]", "word"),
        (r"[0-9a]", "shape"),
        (r"[^0-9]", "shape"),
        (r"(?P<broken[", "shape"),
        (r"(?=[0-9])x", "shape"),
        (r"[^\x00-\x7f] x", "foreign"),
        (r"[^\x00-\x7e]", "shape"),
        (r"игнор\s+x", "foreign"),
        (r"[а-я]{3}", "foreign"),
        (r"[а-яa]", "shape"),
        (r"é?x", "shape"),
        (r"[a-z]</?[a-z]", "symbol"),
        (r"[<>&]", "symbol"),
        (r"[<a]", "shape"),
        (r"\x1b\[", "symbol"),
        (r"[a-z][\t ][a-z]", "shape"),
        (r"[A-Za-z0-9+/_-]{16}", "run"),
        (r"[A-Za-z0-9+/_-]{15}", "shape"),
        (r"\b[a-f]{8}(?:[0-9]{4}x){2}", "run"),
        (r"[a-f]{8} [a-f]{8}", "shape"),
        (r"(?:[a-f]{20}|[a-f]{12}[0-9]{4})", "run"),
        (r"(?:[a-f]{20}|[a-f]{12})", "shape"),
        (r"(?:[a-f]{16} ){2}", "run"),
        (r"(?:[a-f]{16} ){0,2}", "shape"),
        (r"(?:[a-f]{8} [a-f]{8}){2}", "shape"),
    ],
)
def test_layers_of_shapes(expression, expected):
    """Only what cannot match without such a character waits for one."""
    assert expected == layer_of(Gate(expression, literal=False))


@pytest.mark.parametrize(
    ("gate", "expected"),
    [
        (Gate(r"\d", literal=False, unicode=True), "word"),
        (Gate(r"\xe2\x80", literal=False, bytewise=True), "foreign"),
        (Gate("ignore"), "word"),
        (Gate("игнор"), "foreign"),
        (Gate("7up"), "word"),
    ],
)
def test_layers_of_other_gates(gate, expected):
    """Unicode digits, bytes and literals have their own ways."""
    assert expected == layer_of(gate)


@given(st.text(alphabet="ab xy-0123ignore7upигнорé", max_size=60))
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
            [
                "12",
                "4111-1111",
                "a1",
                "é",
                "中",
                " ",
                "-",
                ".",
                "0x1f",
                "<b>",
                "x" * 17,
                "i g n o r e ",
                *source.choices(literals, k=6),
            ],
            k=12,
        )
        text = "".join(parts)

        assert set(slow.scan(text)) <= set(layered.scan(text))
