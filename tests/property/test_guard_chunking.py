"""Any chunking gives what the whole text gives, and no character of a masked span is ever released."""

import random

import pytest

from sidecar.model import Verdict
from tests.core.streams import cut, engine_and_lane, random_text, run_text, whole


def chunkings(rng, text):
    """Cut a text in every size from 1 to 7, at random, and not at all."""
    for size in range(1, 8):
        yield [text[i : i + size] for i in range(0, len(text), size)]
    yield list(cut(rng, text, 20))
    yield [text]


def check(seed, count):
    """Compare guard and oracle on random texts."""
    rng = random.Random(seed)
    engine, lane = engine_and_lane()
    for _ in range(count):
        text = random_text(rng)
        decision, expected = whole(engine, lane, text)
        for chunks in chunkings(rng, text):
            guarded, shown = run_text(engine, lane, chunks)

            assert (shown, guarded.verdict) == (expected, decision.verdict), (text, chunks)


def test_any_chunking_gives_the_whole_text_result():
    """Greedy, lazy, bounded, boundary and look-around rules give the same text in every chunking."""
    check(1, 300)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_ten_thousand_texts_in_any_chunking(seed):
    """The long suite: 10,000 random texts, nine chunkings each."""
    check(100 + seed, 1000)


def test_a_block_stops_every_chunking():
    """A rule that blocks stops the text before its match, wherever the text is cut."""
    rng = random.Random(3)
    engine, lane = engine_and_lane(blocked=("token", "gap", "image"))
    # What is shown is what would be shown if the same rules masked: up to where the stream stops, and no further.
    masking = engine_and_lane()
    for _ in range(200):
        text = random_text(rng)
        decision, expected = whole(engine, lane, text)
        for chunks in chunkings(rng, text):
            guarded, shown = run_text(engine, lane, chunks)

            assert guarded.verdict == decision.verdict, (text, chunks)
            if decision.verdict is Verdict.BLOCK:
                assert whole(*masking, text)[1].startswith(shown), (text, chunks)
            else:
                assert shown == expected, (text, chunks)
