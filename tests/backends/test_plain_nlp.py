"""Words without a model, in the shape that Presidio asks for."""

import itertools
import random

import pytest

from sidecar.backends.plain_nlp import PlainNlpEngine, stop_words

ENGINE = PlainNlpEngine(("en", "de", "xx"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "  ",
        "a  b ",
        "Dr. O'Hara's e-mail: bob@x.io!\n\nsecond line ",
        "日本 🎉 naïve",
        "tab\tand  blanks  ",
        "line \n ",
    ],
)
def test_tokens_stand_where_they_say(text):
    """Every token is the text at its place, in order, without overlap."""
    artifacts = ENGINE.process_text(text, "en")
    places = list(zip(artifacts.tokens, artifacts.tokens_indices, strict=True))

    assert all(start >= 0 and text[start : start + len(token)] == token for token, start in places)
    assert all(start + len(token) <= after for (token, start), (_, after) in itertools.pairwise(places))
    assert artifacts.lemmas == artifacts.tokens


def test_every_character_but_single_blanks_is_in_a_token():
    """So every entity has a token to begin at."""
    rng = random.Random(1)
    for _ in range(2000):
        text = "".join(rng.choice("ab1 .-@'\n\té!") for _ in range(rng.randint(0, 20)))
        artifacts = ENGINE.process_text(text, "en")
        held = sum(map(len, artifacts.tokens))

        assert len(text) - held <= text.count(" ")


def test_words_that_carry_no_meaning():
    """Stop words of the language, blanks and punctuation are no context."""
    keywords = ENGINE.process_text("the card number", "en").keywords

    assert [word in keywords for word in ("the", "card", "be", "...", "  ", "Phone")] == [
        False,
        True,
        False,
        False,
        False,
        True,
    ]
    assert ENGINE.is_stopword("und", "de")
    assert not ENGINE.is_stopword("und", "en")


def test_stop_words_of_unknown_languages_are_none():
    """And no name of a language leads out of spaCy's folder."""
    assert stop_words("xx-none") == stop_words("../en") == stop_words("qq") == frozenset()
    assert len(stop_words("en")) > 300


def test_it_is_an_engine_of_presidio():
    """What Presidio asks of one."""
    ENGINE.load()

    assert (ENGINE.is_loaded(), ENGINE.get_supported_entities()) == (True, [])
    assert ENGINE.get_supported_languages() == ["en", "de", "xx"]
