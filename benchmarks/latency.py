"""Distributions of latency: HdrHistograms in microseconds, their percentiles, and their curves for pictures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hdrh.histogram import HdrHistogram

from benchmarks.report import Line

_LONGEST_MICROS = 60_000_000
_DIGITS = 3
# The points of a curve: dense where tails are.
_POINTS = (
    0.0,
    5,
    10,
    20,
    30,
    40,
    50,
    60,
    70,
    75,
    80,
    85,
    90,
    92.5,
    95,
    97,
    98,
    99,
    99.3,
    99.5,
    99.7,
    99.9,
    99.95,
    99.99,
)


def new_histogram(values: Iterable[float] = ()) -> HdrHistogram:
    """Return a histogram of values in microseconds; those beyond a minute count as one."""
    histogram = HdrHistogram(1, _LONGEST_MICROS, _DIGITS)
    for value in values:
        record(histogram, value)
    return histogram


def record(histogram: HdrHistogram, micros: float) -> None:
    """Take one value."""
    histogram.record_value(min(max(1, round(micros)), _LONGEST_MICROS))


def merged(histograms: Sequence[HdrHistogram]) -> HdrHistogram:
    """Return one histogram of all values."""
    whole = new_histogram()
    for histogram in histograms:
        whole.add(histogram)
    return whole


def at(histogram: HdrHistogram, percentile: float) -> float:
    """Return a percentile in milliseconds."""
    return float(histogram.get_value_at_percentile(percentile)) / 1000


def curve(name: str, histogram: HdrHistogram) -> Line:
    """Return the distribution as a curve of (percentile, milliseconds), as far as the number of values carries it."""
    count = histogram.get_total_count()
    points = [point for point in _POINTS if (100 - point) / 100 * count >= 1]
    return Line(name, tuple((point, at(histogram, point)) for point in points))
