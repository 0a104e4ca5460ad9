"""What streams need of the rules: how wide a match can be, and an automaton that is built once."""

import msgspec
import pytest

from sidecar.core.lookout import Lookout
from sidecar.core.prefixes import Live
from sidecar.core.streaming import WIDTH_LIMIT, patterns_of, prefixes_of, width_of
from sidecar.core.words import WordWatch
from tests.core.streams import MASKED, engine_and_lane


@pytest.mark.parametrize(
    ("expression", "width"), [("abc", 3), ("a{2,5}b?", 6), ("a+", WIDTH_LIMIT), ("(?<=x)ab", 2), ("(", WIDTH_LIMIT)]
)
def test_width_is_that_of_the_longest_match(expression, width):
    """What has no bound, or cannot be read, has the limit."""
    assert width_of(expression) == width


def test_all_rules_of_a_target_are_in_the_automaton():
    """Nothing that a rule could find is missing."""
    _, lane = engine_and_lane()
    patterns, _, width = patterns_of(lane.plans["response.text"])

    assert set(MASKED.values()) <= {pattern for pattern, _ in patterns}
    assert width > 20


def test_an_automaton_is_built_once_for_lanes_that_share_their_rules():
    """Lanes of one exchange each ask the same automaton."""
    _, lane = engine_and_lane()
    other = msgspec.structs.replace(lane, body_limit=7)

    assert prefixes_of(lane, "response.text") is prefixes_of(other, "response.text")


def test_what_answers_are_looked_at_for_is_in_the_automaton():
    """Words of a policy are held back like words of a rule."""
    _, lane = engine_and_lane()
    lane = msgspec.structs.replace(lane, lookout=Lookout((WordWatch({"word": ("larkspur",)}),)))
    live = Live()
    prefixes_of(lane, "response.text").advance(live, "a lark", 0)

    assert live.earliest(6) == 2
