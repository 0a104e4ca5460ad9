"""`check`: unary calls of the sidecar on both hosts, beside no-op servers of both kinds, in one run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial

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
    running,
    sidecar,
)
from benchmarks.open_loop import Send
from benchmarks.report import Figure, Goal, Series
from benchmarks.servers import Server
from benchmarks.texts import CLEAN_TEXT
from benchmarks.turns import RATE, latencies_in_turns, latency_chart, percentiles, rates_in_turns
from sidecar.adapters._pb import filter_pb2 as pb

ONE_PROCESS = "no-op, grpc.aio, one process"
PATH = "/sidecar.v1.FilterService/Check"
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
            micros: dict[str, list[float]] = {name: [] for name in names}
            ours, other, *twins = throughput(named, effort, micros).values()
            goals = (Goal("speed", 0.6, NOOP_ENVOY), Goal("speed", 4, NOOP_GRPC))
            book.add(Figure("rate-envoy", "Check, 1 KB, host envoy", "calls/s", ours, tuple(twins), True, goals))
            book.add(Figure("rate-grpcio", "Check, 1 KB, host grpcio", "calls/s", other, tuple(twins), True))
            spent = {name: Series(name, tuple(values)) for name, values in micros.items()}
            for name in names[:2]:
                host = name.split()[-1]
                question = f"Check, 1 KB, host {host}: processor time of the server"
                book.add(Figure(f"cpu-{host}", question, "µs", spent[name], tuple(spent[twin] for twin in names[2:])))
        with book.part("latency"):
            senders = {name: partial(grpc_sender, server.address, PATH, MESSAGE) for name, server in named.items()}
            _report_latency(book, asyncio.run(latencies_in_turns(senders, effort)))


SCENARIO = Scenario("check", "Check, 1 KB of clean text, two workers on two cores", measure)
check = SCENARIO.command()


def throughput(
    servers: Mapping[str, Server], effort: Effort, micros: Mapping[str, list[float]] | None = None
) -> dict[str, Series]:
    """Load servers in turns, after a warm-up.

    Args:
        servers: by name.
        effort: how much, how often.
        micros: takes the processor time of a call, in microseconds, of each turn; holds better than rates where the machine is busy.

    Returns:
        Calls a second by name, a value a turn.
    """
    found = micros or {name: [] for name in servers}
    loads = {name: partial(_rate, server, effort, found[name]) for name, server in servers.items()}
    return rates_in_turns(loads, effort.turns)


def _rate(server: Server, effort: Effort, micros: list[float], warm_up: bool) -> float:
    requests = effort.pick(3_000, 200) if warm_up else effort.pick(15_000, 600)
    before = server.cpu_seconds()
    load = h2load.run(
        f"http://{server.address}{PATH}", _FRAME, headers=h2load.GRPC_HEADERS, requests=requests, cpus=LOAD_CPUS
    )
    if not warm_up:
        micros.append((server.cpu_seconds() - before) / requests * 1e6)
    return load.rate


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
