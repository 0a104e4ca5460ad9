"""Contenders under load, in turns: rates of a closed loop, latencies of an open one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager

from hdrh.histogram import HdrHistogram

from benchmarks.book import Effort
from benchmarks.contenders import LOAD_CPUS, on
from benchmarks.latency import at, curve, merged
from benchmarks.open_loop import Send, open_loop
from benchmarks.report import Chart, Series

# Requests a second for latency: what issue 6 asks about.
RATE = 500
_LATENCY_TURNS = 3

Sender = Callable[[], AbstractAsyncContextManager[Send]]


def rates_in_turns(loads: Mapping[str, Callable[[bool], float]], turns: int) -> dict[str, Series]:
    """Load contenders in turns, after a warm-up of all.

    Args:
        loads: by name; each gets whether it is the warm-up, and returns what it did a second.
        turns: how often each is measured.
    """
    rates: dict[str, list[float]] = {name: [] for name in loads}
    for load in loads.values():
        load(True)
    for _ in range(turns):
        for name, load in loads.items():
            rates[name].append(load(False))
    return {name: Series(name, tuple(values)) for name, values in rates.items()}


async def latencies_in_turns(senders: Mapping[str, Sender], effort: Effort) -> dict[str, list[HdrHistogram]]:
    """Send to contenders in turns at 500 requests a second; return a histogram a turn, in microseconds."""
    found: dict[str, list[HdrHistogram]] = {name: [] for name in senders}
    with on(LOAD_CPUS):
        for _ in range(min(effort.turns, effort.pick(_LATENCY_TURNS, 1))):
            for name, sender in senders.items():
                async with sender() as send:
                    found[name].append(
                        await open_loop(send, rate=RATE, seconds=effort.pick(3, 0.5), warm_up=effort.pick(0.5, 0.2))
                    )
    return found


def percentiles(name: str, histograms: Sequence[HdrHistogram], percentile: float) -> Series:
    """Return one percentile in milliseconds, a value a turn."""
    return Series(name, tuple(at(histogram, percentile) for histogram in histograms))


def latency_chart(id_: str, title: str, found: Mapping[str, Sequence[HdrHistogram]]) -> Chart:
    """Return the distributions of all turns together as one chart."""
    lines = tuple(curve(name, merged(histograms)) for name, histograms in found.items())
    return Chart(id_, title, "percentile of requests", "ms", lines, log_y=True, percentiles=True)
