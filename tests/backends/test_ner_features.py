"""Features of tokens: what training and run time both take them from."""

import numpy as np
import pytest

from sidecar.backends import ner_features
from sidecar.backends.ner_features import KeyTable, character_ids, fingerprint, normalise_token, shape_of
from tests.backends import tiny_ner


@pytest.mark.parametrize(
    ("token", "shape"),
    [("McDonald", "XxXxx"), ("USA", "XX"), ("2024", "dd"), ("B2B", "XdX"), ("", ""), ("\u4e2d", "a")],
)
def test_shape(token, shape):
    """Runs are cut to two, classes are kept."""
    assert shape == shape_of(token)


def test_normalise_folds_case_digits_and_apostrophes():
    """What the tables are keyed by."""
    assert "o'neil00" == normalise_token("O\u2019Neil42")  # noqa: SIM300 - expected first


@pytest.mark.parametrize("token", ["", "a", "Stra\u00dfe", "\U0001f600", "x" * 500, "\ud800"])
def test_any_token_has_features(token):
    """Empty, long, astral and lone surrogate tokens: always arrays of the same shape, within bounds."""
    features = tiny_ner.tables().of([token])

    assert features.ids.shape == (1, 5)
    assert features.characters.shape == (1, ner_features.CHARACTERS)
    assert features.bits.shape == (1, ner_features.BITS)
    assert features.characters.max() < ner_features.ALPHABET


def test_characters_keep_head_and_tail():
    """A long token is cut in the middle."""
    token = "abcdefghijklmnopqrstuvwxyz"

    assert character_ids(token[:12] + token[-8:]) == character_ids(token)


def test_key_table_answers_like_a_dict():
    """Known fingerprints have their values, all others 0."""
    draw = np.random.default_rng(0)
    entries = {int(key): int(value) for key, value in draw.integers(1, 2**32, size=(500, 2))}
    table = KeyTable.build(entries)

    assert entries == {key: table.get(key) for key in entries}
    assert {0} == {table.get(int(key)) for key in draw.integers(0, 2**32, 500) if int(key) not in entries}


def test_empty_key_table():
    """A table without entries knows nothing."""
    assert KeyTable.build({}).get(fingerprint("any")) == 0
