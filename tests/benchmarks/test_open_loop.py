"""Latency counts from the moment a request was due: a stall is felt by every request that should have started in it."""

import asyncio

from benchmarks.latency import at, curve, new_histogram
from benchmarks.open_loop import open_loop


async def test_a_stall_counts_for_every_request_that_was_due_in_it():
    """A server that stops for 400 ms makes all that was due then late; a closed loop would count one late request."""
    stalled = asyncio.Event()
    gate = asyncio.Lock()

    async def send():
        async with gate:
            if not stalled.is_set():
                stalled.set()
                await asyncio.sleep(0.4)

    found = await open_loop(send, rate=100, seconds=1.0, warm_up=0.0)

    late = 100 - sum(
        1
        for item in found.get_recorded_iterator()
        for _ in range(item.count_at_value_iterated_to)
        if item.value_iterated_to < 50_000
    )
    assert found.get_total_count() == 100
    assert late >= 30


async def test_warm_up_does_not_count():
    """Only what was due after the warm-up is recorded."""

    async def send():
        await asyncio.sleep(0)

    found = await open_loop(send, rate=200, seconds=0.2, warm_up=0.2)

    assert found.get_total_count() == 40


def test_percentiles_are_in_milliseconds_and_curves_end_where_values_do():
    """A hundred values carry no 99.9th percentile."""
    histogram = new_histogram(range(1000, 101_000, 1000))

    assert round(at(histogram, 50)) == 50
    line = curve("x", histogram)
    assert line.points[-1][0] == 99
    assert sorted(line.points) == list(line.points)
