"""The accelerated recognizers find what a plain `AnalyzerEngine` finds: entity, span and score."""

import gzip
import json
import random
from pathlib import Path

import pytest

from sidecar.backends.presidio_settings import Settings
from tests.presidio_twin import COUNTRIES, Fast, Twin, fuzz_text

CORPORA = Path(__file__).parents[3] / "shared" / "corpora"
ALL = Settings(languages=("en", "es", "it", "pl"), countries=COUNTRIES)


@pytest.fixture(scope="module")
def english():
    settings = Settings()
    return Twin(settings), Fast(settings)


@pytest.fixture(scope="module")
def everything():
    return Twin(ALL), Fast(ALL)


def _compare(pair, texts):
    twin, fast = pair
    for text in texts:
        assert twin.find(text) == fast.find(text)


def test_fuzz_texts_are_equal_in_english(english):
    """Presidio's default recognizers, 400 texts."""
    random_ = random.Random(1)
    _compare(english, [fuzz_text(random_) for _ in range(400)])


def test_fuzz_texts_are_equal_in_every_country(everything):
    """All recognizers of all countries and languages, 60 texts."""
    random_ = random.Random(2)
    _compare(everything, [fuzz_text(random_) for _ in range(60)])


def test_a_result_at_white_space_is_equal(english):
    """A phone number at the very start and the very end, with blanks around."""
    _compare(english, ["  +1 212 555 0187", "+1 212 555 0187  ", " ", "", "\n\n4111 1111 1111 1111\n", "x@y.com "])


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(10))
def test_hundred_thousand_fuzz_texts_are_equal(english, seed):
    """100,000 texts in ten parts."""
    random_ = random.Random(1000 + seed)
    _compare(english, (fuzz_text(random_) for _ in range(10_000)))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_many_fuzz_texts_are_equal_in_every_country(everything):
    """All recognizers of all countries, 3,000 texts."""
    random_ = random.Random(77)
    _compare(everything, (fuzz_text(random_) for _ in range(3000)))


@pytest.mark.corpora
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", ["pii", "pii_partial", "pii_recognizer_tests", "ner", "injection", "secrets"])
def test_the_corpora_are_equal(english, name):
    """Every text of every corpus, its first 9,000 characters."""
    path = CORPORA / f"{name}.jsonl.gz"
    if not path.exists():
        pytest.skip(f"needs {path}")
    with gzip.open(path, "rt") as lines:
        _compare(english, (json.loads(line)["text"][:9000] for line in lines))
