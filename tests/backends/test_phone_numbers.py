"""The quick telephone recognizer finds what Presidio's finds."""

import copy
import random

import pytest

from sidecar.backends.phone_numbers import quickened, regions_to_ask
from sidecar.backends.presidio_load import load
from sidecar.backends.presidio_settings import Settings

PREFIXES = (
    *("", "0", "1", "00", "011", "+", "+1", "+49", "49", "490", "4900", "44", "440", "33", "330", "972", "9720", "91"),
    *("910", "55", "550", "1-", "(0)", "0800", "15", "049", "\uff0b49"),
)


@pytest.fixture(scope="module")
def pair():
    """Presidio's recognizer, and the same one made quick."""
    plain = next(item for item in load(Settings()).recognizers if item.name == "PhoneRecognizer")
    quick = copy.copy(plain)
    quick.__class__ = quickened(type(plain))
    return plain, quick


def number(random_):
    """Return digits with prefixes, separators, extensions and neighbours."""
    body = "".join(random_.choice("0123456789" * 3 + " -./()") for _ in range(random_.randint(3, 18)))
    before, after = (
        random_.choice(["", " ", "x", "$"]),
        random_.choice(["", " ", "x", " ext 12", "#3", ":15", "\u0663"]),
    )
    return before + random_.choice(PREFIXES) + body + after


def _spans(recognizer, text):
    return sorted((item.start, item.end, item.score) for item in recognizer.analyze(text, ["PHONE_NUMBER"]))


def _compare(pair, seed, count):
    plain, quick = pair
    random_ = random.Random(seed)
    for _ in range(count):
        text = number(random_)

        assert _spans(quick, text) == _spans(plain, text)


def test_the_quick_one_finds_what_presidios_finds(pair):
    """Two thousand numbers, most of them of no region."""
    _compare(pair, 3, 2000)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_quick_one_finds_what_presidios_finds_at_length(pair):
    """A hundred thousand numbers."""
    _compare(pair, 4, 100_000)


def test_presidio_does_not_find_the_quick_one_by_name(pair):
    """It looks recognizers up among all subclasses; a plain engine in this process must stay plain."""
    again = next(item for item in load(Settings()).recognizers if item.name == "PhoneRecognizer")

    assert type(again) is type(pair[0])
    assert type(again) is not type(pair[1])


def test_a_number_with_a_plus_sign_is_asked_once():
    """It reads the same from every region."""
    assert regions_to_ask("+1 212 555 0187", ("DE", "US", "FR"), 1) == ["DE"]
    assert regions_to_ask("4111 1111 1111 1111", ("US", "GB", "FR"), 1) == []
