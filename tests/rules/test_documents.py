"""Faults in YAML are told with file and line."""

import pytest

from sidecar.errors import BundleError
from sidecar.rules.documents import line_of, load
from sidecar.rules.schema import Manifest

GOOD = b"schema: 1\nname: x\nversion: 1.0.0\nmin_sidecar_version: 0.1.0\nfamilies: [a]\n"


def test_good_document_is_read():
    """A document that fits gives a value."""
    assert load(GOOD, "bundle.yaml", Manifest).families == ("a",)


@pytest.mark.parametrize(
    ("data", "line", "words"),
    [
        (GOOD + b"typo: 1\n", 6, "unknown field `typo`"),
        (GOOD + b"defaults:\n  confidense: 1\n", 7, "unknown field `confidense`"),
        (GOOD + b"name: y\n", 6, "given twice"),
        (GOOD.replace(b"1.0.0", b"one"), 3, "regex"),
        (b"a: [1\n", 2, "not YAML"),
        (b"- 1\n", 1, "expected a mapping"),
        (b"\xff", 1, "not UTF-8"),
        (b"a: &x 1\nb: *x\n", 1, "aliases"),
        (b"a: \x00", 1, "YAML"),
        # Found by fuzzing: a key that is a list, in both spellings.
        (b"[a]: 1\n", 1, "a key must be plain text"),
        (b"a: {? [b] : 1}\n", 1, "a key must be plain text"),
        (b"a: " + b"[" * 3000 + b"]" * 3000, 1, "nested too deeply"),
    ],
)
def test_fault_names_its_place(data, line, words):
    """Each fault starts with path and line, and says what is wrong."""
    with pytest.raises(BundleError) as caught:
        load(data, "f.yaml", Manifest)

    fault = caught.value.faults[0]
    assert fault.startswith(f"f.yaml:{line}: ")
    assert words in fault


def test_line_of_finds_nested_keys():
    """A path of keys and indexes leads to its line."""
    assert line_of(b"a:\n  - b: 1\n  - b: 2\n", "f", "a", 1, "b") == 3
