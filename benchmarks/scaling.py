"""`scaling`: how cost grows with rules, length of text, workers and concurrency."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from functools import partial

from benchmarks import h2load
from benchmarks.book import Book, Effort
from benchmarks.check import PATH
from benchmarks.command import Scenario
from benchmarks.contenders import LOAD_CPUS, Contender, noop_envoy, noop_grpc, running, sidecar
from benchmarks.latency import at
from benchmarks.peers.patterns import expressions, re2_set, re_loop
from benchmarks.report import Chart, Figure, Goal, Line, Series
from benchmarks.rule_sets import rules_of, snapshot_of
from benchmarks.scan import size
from benchmarks.servers import Server, free_port, launched
from benchmarks.texts import CLEAN_TEXT, text_of
from benchmarks.timing import in_turns
from sidecar.adapters._pb import filter_pb2 as pb
from sidecar.model import Segment

_RULES = (10, 100, 1000, 10_000)
_LENGTHS = (100, 1024, 10_240, 102_400, 1_048_576)
_CONCURRENCY = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
_CONNECTIONS = 32
OURS = "sidecar"
BARE = "bare Hyperscan, same database"
RE = "re, a loop over the rules"
RE2 = "google-re2, a set of the rules"


def measure(book: Book, effort: Effort) -> None:
    """Cost by rules (10 to 10,000), text (100 B to 1 MB), workers (1 to cores) and concurrency (1 to 512).

    \b
    Examples:
      sidecar bench scaling
      sidecar bench scaling --quick
      sidecar bench scaling --turns 9 --json out/scaling.json
    """
    h2load.require()
    with book.part("rules"):
        _rules(book, effort)
    with book.part("workers"):
        _workers(book, effort)
    contenders = (sidecar("envoy"), sidecar("grpcio"), noop_envoy(), noop_grpc())
    with running(contenders) as servers:
        named = dict(zip((contender.name for contender in contenders), servers, strict=True))
        with book.part("text"):
            _texts(book, effort, named)
        with book.part("concurrency"):
            _concurrency(book, effort, named)


SCENARIO = Scenario("scaling", "How cost grows", measure)
scaling = SCENARIO.command()


def _rules(book: Book, effort: Effort) -> None:
    curves: dict[str, list[tuple[float, float]]] = {name: [] for name in (OURS, BARE, RE, RE2)}
    for count in effort.pick(_RULES, _RULES[:2]):
        snapshot = snapshot_of(count)
        lane = snapshot.filter().lane
        segments = (Segment(CLEAN_TEXT, "request.user"),)
        patterns = expressions(rules_of(count))
        calls: dict[str, Callable[[], object]] = {
            OURS: partial(snapshot.engine.judge, segments, lane),
            BARE: partial(snapshot.scanner.scan, CLEAN_TEXT),
            RE: partial(re_loop(patterns), CLEAN_TEXT),
            RE2: partial(re2_set(patterns)[0], CLEAN_TEXT),
        }
        found = in_turns(calls, min(effort.turns, 3), seconds=effort.pick(0.01, 0.002), rounds=2)
        ours, *twins = found.values()
        book.add(Figure(f"rules-{count}", f"1 KB of clean text, {count:,} rules", "µs", ours, tuple(twins)))
        for name, series in found.items():
            curves[name].append((count, series.middle))
    lines = tuple(Line(name, tuple(points)) for name, points in curves.items())
    book.draw(Chart("rules", "Cost by number of rules, 1 KB of clean text", "rules", "µs per text", lines, True, True))


def _workers(book: Book, effort: Effort) -> None:
    """Load so many workers on so many cores, all sets in turns."""
    cores = sorted(os.sched_getaffinity(0))
    counts = range(1, min(len(cores), effort.pick(64, 2)) + 1)
    rates: dict[str, dict[int, list[float]]] = {}
    with ExitStack() as stack:
        servers: list[tuple[str, int, Server]] = []
        for count in counts:
            for contender in (sidecar("envoy", count), noop_envoy(count)):
                server = stack.enter_context(_pinned(contender, tuple(cores[:count])))
                servers.append((contender.name, count, server))
        for _, _, server in servers:
            server.wait_until_ready()
        for turn in range(effort.turns + 1):
            for name, count, server in servers:
                beside = tuple(cores[count:]) or LOAD_CPUS
                rate = _rate(server, CLEAN_TEXT, effort.pick(6_000, 400) if turn else 400, cpus=beside[-2:])
                if turn:
                    rates.setdefault(name, {}).setdefault(count, []).append(rate)
    ours, noop = rates.values()
    one = Series("one worker on one core", tuple(ours[1]))
    for count in counts[1:]:
        goals = (Goal("speed", 1.8, one.name),) if count == 2 else ()
        question = f"{count} workers on {count} cores, host envoy"
        twins = (one, Series(f"no-op, {count} workers", tuple(noop[count])))
        book.add(Figure(f"workers-{count}", question, "calls/s", Series(OURS, tuple(ours[count])), twins, True, goals))
    if len(cores) in counts:
        book.note(f"With {len(cores)} workers the load generator shares the servers' cores.")
    lines = tuple(
        Line(name, tuple((count, sum(values) / len(values)) for count, values in by_count.items()))
        for name, by_count in rates.items()
    )
    book.draw(Chart("workers", "Check by workers, each with a core", "workers", "calls a second", lines))


def _pinned(contender: Contender, cpus: tuple[int, ...]) -> AbstractContextManager[Server]:
    address = f"127.0.0.1:{free_port()}"
    command = [part.replace("{}", address) for part in contender.command]
    return launched(*command, address=address, cpus=cpus)


def _rate(
    server: Server, text: str, requests: int, *, cpus: tuple[int, ...] = LOAD_CPUS, concurrency: int = 128
) -> float:
    return _load(server, text, requests, cpus=cpus, concurrency=concurrency).rate


def _load(server: Server, text: str, requests: int, *, cpus: tuple[int, ...], concurrency: int) -> h2load.Load:
    connections = min(concurrency, _CONNECTIONS)
    return h2load.run(
        f"http://{server.address}{PATH}",
        h2load.grpc_frame(pb.CheckRequest(text=text).SerializeToString()),
        headers=h2load.GRPC_HEADERS,
        requests=max(requests, concurrency),
        connections=connections,
        streams=concurrency // connections,
        cpus=cpus,
    )


def _texts(book: Book, effort: Effort, servers: dict[str, Server]) -> None:
    """Load servers with texts of each length."""
    curves: dict[str, list[tuple[float, float]]] = {name: [] for name in servers}
    for length in effort.pick(_LENGTHS, _LENGTHS[:2]):
        text = text_of("clean", length)
        requests = max(64, min(effort.pick(4_000, 200), 40_000_000 // length))
        rates: dict[str, list[float]] = {name: [] for name in servers}
        for _ in range(min(effort.turns, 3)):
            for name, server in servers.items():
                rates[name].append(_rate(server, text, requests, concurrency=32))
        _add(book, f"text-{length}", f"Check, {size(length)}", rates)
        for name, values in rates.items():
            curves[name].append((length, sum(values) / len(values)))
    lines = tuple(Line(name, tuple(points)) for name, points in curves.items())
    book.draw(
        Chart("text", "Check by length of the text", "length of the text, bytes", "calls a second", lines, True, True)
    )


def _concurrency(book: Book, effort: Effort, servers: dict[str, Server]) -> None:
    """Load servers with so many calls at once."""
    rates: dict[str, list[tuple[float, float]]] = {name: [] for name in servers}
    waits: dict[str, list[tuple[float, float]]] = {name: [] for name in servers}
    for concurrency in effort.pick(_CONCURRENCY, (1, 32)):
        found: dict[str, list[h2load.Load]] = {name: [] for name in servers}
        for _ in range(min(effort.turns, 2)):
            for name, server in servers.items():
                requests = effort.pick(min(6_000, 1_000 + concurrency * 100), 200)
                found[name].append(_load(server, CLEAN_TEXT, requests, cpus=LOAD_CPUS, concurrency=concurrency))
        each = {name: [load.rate for load in loads] for name, loads in found.items()}
        _add(book, f"concurrency-{concurrency}", f"Check, {concurrency} at once", each)
        for name, loads in found.items():
            rates[name].append((concurrency, sum(each[name]) / len(each[name])))
            waits[name].append((concurrency, min(at(load.histogram, 99) for load in loads)))
    for id_, title, unit, curves, log in (
        ("concurrency", "Check by calls at once", "calls a second", rates, False),
        ("concurrency-p99", "99th percentile of Check under full load, by calls at once", "ms", waits, True),
    ):
        lines = tuple(Line(name, tuple(points)) for name, points in curves.items())
        book.draw(Chart(id_, title, "calls at once (closed loop)", unit, lines, log_x=True, log_y=log))


def _add(book: Book, id_: str, question: str, rates: dict[str, list[float]]) -> None:
    ours, *others = (Series(name, tuple(values)) for name, values in rates.items())
    book.add(Figure(id_, question, "calls/s", ours, tuple(others), True))
