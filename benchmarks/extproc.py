"""`extproc`: ext_proc through a real Envoy: requests a second, and what is added to an Envoy without the filter."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from functools import partial

import msgspec
from hdrh.histogram import HdrHistogram

from benchmarks import h2load
from benchmarks.book import Book, Effort
from benchmarks.command import Scenario
from benchmarks.contenders import (
    LOAD_CPUS,
    NOOP_ENVOY,
    NOOP_GRPC,
    SERVER_CPUS,
    noop_envoy,
    noop_grpc,
    running,
    sidecar,
)
from benchmarks.dataplane import dataplane
from benchmarks.open_loop import http_sender
from benchmarks.report import Figure, Goal, Series
from benchmarks.texts import CLEAN_TEXT
from benchmarks.turns import RATE, latencies_in_turns, latency_chart, percentiles, rates_in_turns

PATH = "/v1/chat/completions"
BODY = msgspec.json.encode({"model": "demo", "messages": [{"role": "user", "content": CLEAN_TEXT}]})
ALONE = "Envoy alone"
_ADDED_MS = {50: 0.5, 99: 2.0}


def measure(book: Book, effort: Effort) -> None:
    """A 1 KB chat body through Envoy and the filter: requests a second, and added latency at 500 requests a second.

    \b
    Examples:
      sidecar bench extproc
      sidecar bench extproc --quick
      sidecar bench extproc --turns 9 --json out/before.json
    """
    h2load.require()
    asyncio.run(_measure(book, effort))


SCENARIO = Scenario("extproc", "ext_proc through a real Envoy, 1 KB chat body, everything on two cores", measure)
extproc = SCENARIO.command()


async def _measure(book: Book, effort: Effort) -> None:
    # One Envoy thread has one connection to the filter, so one worker: with Envoy itself that is two cores.
    contenders = (sidecar("envoy", 1), sidecar("grpcio", 1), noop_envoy(1), noop_grpc(1))
    names = [*(contender.name for contender in contenders), ALONE]
    with running(contenders) as servers:
        async with AsyncExitStack() as stack:
            targets: list[str | None] = [*(server.address for server in servers), None]
            ports = [await stack.enter_async_context(dataplane(target, cpus=SERVER_CPUS)) for target in targets]
            named = dict(zip(names, ports, strict=True))
            with book.part("throughput"):
                _report_throughput(book, await asyncio.to_thread(_throughput, named, effort))
            with book.part("latency"):
                senders = {name: partial(http_sender, port, PATH, BODY) for name, port in named.items()}
                _report_latency(book, await latencies_in_turns(senders, effort))


def _throughput(ports: dict[str, int], effort: Effort) -> dict[str, Series]:
    return rates_in_turns({name: partial(_rate, port, effort) for name, port in ports.items()}, effort.turns)


def _rate(port: int, effort: Effort, warm_up: bool) -> float:
    requests = effort.pick(2_000, 200) if warm_up else effort.pick(8_000, 400)
    return h2load.run(
        f"http://127.0.0.1:{port}{PATH}", BODY, headers=h2load.JSON_HEADERS, requests=requests, cpus=LOAD_CPUS
    ).rate


def _report_throughput(book: Book, rates: dict[str, Series]) -> None:
    ours, other, *twins = rates.values()
    goals = (Goal("speed", 0.85, NOOP_ENVOY), Goal("speed", 2.5, NOOP_GRPC))
    book.add(Figure("rate-envoy", "ext_proc, host envoy", "req/s", ours, tuple(twins), True, goals))
    book.add(Figure("rate-grpcio", "ext_proc, host grpcio", "req/s", other, tuple(twins), True))


def _report_latency(book: Book, found: dict[str, list[HdrHistogram]]) -> None:
    names = list(found)
    for ours in names[:2]:
        host = ours.partition(", ")[2]
        for percentile, most in _ADDED_MS.items():
            question = f"at {RATE} req/s, p{percentile}, {host}"
            twins = tuple(percentiles(name, found[name], percentile) for name in names[2:])
            goals = (Goal("added", most, ALONE),) if host == "host envoy" else ()
            series = percentiles(ours, found[ours], percentile)
            book.add(Figure(f"p{percentile}-{host.split()[-1]}", question, "ms", series, twins, goals=goals))
    title = f"Through Envoy at {RATE} requests a second, from the intended start"
    book.draw(latency_chart("latency", title, found))
