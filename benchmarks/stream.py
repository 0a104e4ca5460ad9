"""`stream`: what the filter adds to streamed answers: time to the first byte, time for a token, memory of an open stream."""

from __future__ import annotations

import click

from benchmarks.book import Book, Effort
from benchmarks.command import Scenario
from benchmarks.stream_envoy import measure_envoy
from benchmarks.stream_guard import measure_guard


def measure(book: Book, effort: Effort, *, streams: int | None = None) -> None:
    """Streamed answers: first byte through Envoy, time for a token, memory of 5,000 open streams.

    \b
    Examples:
      sidecar bench stream
      sidecar bench stream --quick
      sidecar bench stream --streams 20000 --json out/stream.json
    """
    measure_guard(book, effort)
    measure_envoy(book, effort, streams=streams or effort.pick(5000, 50))


SCENARIO = Scenario("stream", "Streamed answers", measure)
stream = SCENARIO.command(
    click.Option(["--streams"], type=click.IntRange(1, 100_000), help="Streams that are open at once.  [5000]")
)
