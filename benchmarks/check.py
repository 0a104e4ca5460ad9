"""`check`: unary calls of the sidecar on both hosts, beside no-op servers of both kinds, in one run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import grpc
from hdrh.histogram import HdrHistogram

from benchmarks import h2load
from benchmarks.book import Book, Effort
from benchmarks.command import Scenario
from benchmarks.contenders import (
    LOAD_CPUS,
    NOOP_ENVOY,
    NOOP_GRPC,
    Contender,
    noop_envoy,
    noop_grpc,
    on,
    running,
    sidecar,
)
from benchmarks.latency import at, curve, merged
from benchmarks.open_loop import Send, open_loop
from benchmarks.report import Chart, Figure, Goal, Line, Series
from benchmarks.servers import Server
from benchmarks.texts import CLEAN_TEXT
from sidecar.adapters._pb import filter_pb2 as pb

ONE_PROCESS = "no-op, grpc.aio, one process"
PATH = "/sidecar.v1.FilterService/Check"
RATE = 500
MESSAGE = pb.CheckRequest(text=CLEAN_TEXT).SerializeToString()
_FRAME = h2load.grpc_frame(MESSAGE)


def measure(book: Book, effort: Effort) -> None:
    """`Check` with 1 KB of clean text: calls a second (closed loop), latency at 500 calls a second (open loop).

    \b
    Examples:
      sidecar bench check
      sidecar bench check --quick
      sidecar bench check --turns 9 --json out/before.json
    """
    h2load.require()
    # People mostly run one process of grpc.aio; two on the same two cores are the fairer twin, and the goal's.
    alone = Contender(ONE_PROCESS, noop_grpc(1).command)
    contenders = (sidecar("envoy"), sidecar("grpcio"), noop_envoy(), noop_grpc(), alone)
    names = [contender.name for contender in contenders]
    with running(contenders) as servers:
        named = dict(zip(names, servers, strict=True))
        with book.part("throughput"):
            rates = throughput(named, effort)
            ours, other, *twins = (Series(name, tuple(values)) for name, values in rates.items())
            goals = (Goal("speed", 0.6, NOOP_ENVOY), Goal("speed", 4, NOOP_GRPC))
            book.add(Figure("rate-envoy", "Check, 1 KB, host envoy", "calls/s", ours, tuple(twins), True, goals))
            book.add(Figure("rate-grpcio", "Check, 1 KB, host grpcio", "calls/s", other, tuple(twins), True))
        with book.part("latency"):
            found = asyncio.run(_latencies(named, effort))
            _report_latency(book, found)


SCENARIO = Scenario("check", "Check, 1 KB of clean text, two workers on two cores", measure)
check = SCENARIO.command()


def throughput(servers: dict[str, Server], effort: Effort) -> dict[str, list[float]]:
    """Load servers in turns; return calls a second by name, a value a turn, after a warm-up."""
    rates: dict[str, list[float]] = {name: [] for name in servers}
    for turn in range(effort.turns + 1):
        for name, server in servers.items():
            requests = effort.pick(15_000, 600) if turn else effort.pick(3_000, 200)
            load = h2load.run(
                f"http://{server.address}{PATH}", _FRAME, headers=h2load.GRPC_HEADERS, requests=requests, cpus=LOAD_CPUS
            )
            if turn:
                rates[name].append(load.rate)
    return rates


async def _latencies(servers: dict[str, Server], effort: Effort) -> dict[str, list[HdrHistogram]]:
    found: dict[str, list[HdrHistogram]] = {name: [] for name in servers}
    with on(LOAD_CPUS):
        for _ in range(min(effort.turns, effort.pick(3, 1))):
            for name, server in servers.items():
                async with grpc_sender(server.address, PATH, MESSAGE) as send:
                    found[name].append(
                        await open_loop(send, rate=RATE, seconds=effort.pick(3, 0.5), warm_up=effort.pick(0.5, 0.2))
                    )
    return found


@asynccontextmanager
async def grpc_sender(address: str, path: str, message: bytes, *, connections: int = 4) -> AsyncIterator[Send]:
    """Make a sender of one unary message over several connections in turn."""
    channels = [
        grpc.aio.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) for _ in range(connections)
    ]
    calls = [channel.unary_unary(path, None, None) for channel in channels]
    number = 0

    async def send() -> None:
        nonlocal number
        number += 1
        await calls[number % connections](message)

    try:
        yield send
    finally:
        for channel in channels:
            await channel.close(None)


def _report_latency(book: Book, found: dict[str, list[HdrHistogram]]) -> None:
    names = list(found)
    for ours in names[:2]:
        for percentile in (50, 99):
            question = f"Check at {RATE} calls/s, p{percentile}, {ours.partition(', ')[2]}"
            twins = tuple(percentiles(name, found[name], percentile) for name in names[2:])
            series = percentiles(ours, found[ours], percentile)
            book.add(Figure(f"p{percentile}-{ours.split()[-1]}", question, "ms", series, twins))
    title = f"Check at {RATE} calls a second, from the intended start"
    book.draw(latency_chart("latency", title, found))


def percentiles(name: str, histograms: Sequence[HdrHistogram], percentile: float) -> Series:
    """Return one percentile in milliseconds, a value a turn."""
    return Series(name, tuple(at(histogram, percentile) for histogram in histograms))


def latency_chart(id_: str, title: str, found: dict[str, list[HdrHistogram]]) -> Chart:
    """Return the distributions of all turns together as one chart."""
    lines: tuple[Line, ...] = tuple(curve(name, merged(histograms)) for name, histograms in found.items())
    return Chart(id_, title, "percentile of requests", "ms", lines, log_y=True, percentiles=True)
