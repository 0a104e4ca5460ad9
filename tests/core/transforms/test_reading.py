"""The way back from what a transform reads."""

import re

from sidecar.core.transforms.reading import backwards, collect, in_place, rewrite, substitute, then


def test_replaced_text_leads_to_what_it_replaced():
    """Kept text maps code point by code point, replaced text to the whole of what it stands for."""
    reading = rewrite("a%69b", [(1, 4, "i")])

    assert reading.text == "aib"
    assert [reading.locate(*span) for span in ((0, 1), (1, 2), (2, 3), (0, 3))] == [(0, 1), (1, 4), (4, 5), (0, 5)]


def test_dropped_text_belongs_to_a_span_around_it():
    """What was dropped inside a span is part of it; what was dropped at its ends is not."""
    reading = substitute(re.compile("-"), lambda _: "", "-a-b-")

    assert reading.locate(0, 2) == (1, 4)


def test_empty_span_leads_to_one_place():
    """A span without text has a place and no length."""
    assert rewrite("a%69b", [(1, 4, "i")]).locate(1, 1) == (1, 1)


def test_text_that_was_dropped_whole_leads_to_the_beginning():
    """Of nothing there is no span."""
    reading = substitute(re.compile(".+"), lambda _: "", "abc")

    assert (reading.text, reading.locate(0, 0)) == ("", (0, 0))


def test_nothing_changed_is_no_reading():
    """An edit that writes what was there changes nothing."""
    assert rewrite("abc", [(0, 1, "a")]) is None
    assert collect([]) is None


def test_runs_are_set_apart():
    """Decoded runs stand beside each other; the gap leads to what lies between them."""
    reading = collect([(2, 4, "ig"), (6, 8, "nore")])

    assert reading.text == "ig nore"
    assert [reading.locate(*span) for span in ((0, 2), (2, 3), (3, 7), (0, 7))] == [(2, 4), (4, 6), (6, 8), (2, 8)]


def test_readings_follow_one_another():
    """A reading of a reading leads back to the first source."""
    first = rewrite("x%69%67", [(1, 4, "i"), (4, 7, "g")])
    both = then(first, backwards(first.text[::-1], len(first.text)))

    assert both.text == "gix"
    assert [both.locate(place, place + 1) for place in range(3)] == [(4, 7), (1, 4), (0, 1)]


def test_text_is_kept_out_of_repr():
    """No traceback shows what was read."""
    assert repr(in_place("secret")) == "Reading(length=6)"
