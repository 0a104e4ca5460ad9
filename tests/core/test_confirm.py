"""Checks of the second stage."""

import pytest

from sidecar.core.confirm import entropy, luhn


@pytest.mark.parametrize(("value", "expected"), [("", 0.0), ("aaaa", 0.0), ("abab", 1.0), ("abcd", 2.0)])
def test_entropy_is_shannons(value, expected):
    """Bits per character of known distributions."""
    assert expected == entropy(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    # ISO/IEC 7812-1 annex B: 7992739871 has check digit 3.
    [("79927398713", True), ("79927398710", False), ("4111 1111 1111 1111", True), ("0", False), ("", False)],
)
def test_luhn(value, expected):
    """The check digit decides; separators do not count."""
    assert expected is luhn(value)
