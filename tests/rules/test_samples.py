"""Placeholders of samples."""

import pytest

from sidecar.errors import BundleError
from sidecar.rules.samples import expand


def test_expansion_is_reproducible():
    """The same seed gives the same sample."""
    assert expand("{random:alnum:36}", 7) == expand("{random:alnum:36}", 7)
    assert expand("{random:alnum:36}", 7) != expand("{random:alnum:36}", 8)


@pytest.mark.parametrize(("text", "length"), [("a{random:hex:8}b", 10), ("{repeat:xy:3}", 6), ("{other}", 7)])
def test_length(text, length):
    """Placeholders have the length they say; other braces stay."""
    assert length == len(expand(text, 1))


def test_unknown_alphabet_is_refused():
    """A misspelt alphabet says which exist."""
    with pytest.raises(BundleError, match="alnum"):
        expand("{random:letters:3}", 1)
