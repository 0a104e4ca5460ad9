"""`startup`: from the start of the process until it answers, with a cold and with a warm cache, on both hosts."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.book import Book, Effort
from benchmarks.command import Scenario
from benchmarks.contenders import SERVER_CPUS, Contender, noop_envoy, noop_grpc, sidecar
from benchmarks.report import Figure, Goal, Series
from benchmarks.servers import free_port, started

_READY_SECONDS = 1.0


class Start(NamedTuple):
    """One start: seconds until the port answered, and the processor time of all its processes by then."""

    ready: float
    cpu: float


def measure(book: Book, effort: Effort) -> None:
    """Seconds until the port answers: rules compiled anew (cold), or taken from the cache (warm), beside the no-ops.

    \b
    Examples:
      sidecar bench startup
      sidecar bench startup --quick
      sidecar bench startup --turns 10 --json out/startup.json
    """
    turns = effort.pick(effort.turns, 1)
    for host, twin in (("envoy", noop_envoy(1)), ("grpcio", noop_grpc(1))):
        with book.part(f"host {host}"), tempfile.TemporaryDirectory() as cache:
            ours = sidecar(host, 1)
            cold = [_cold(ours) for _ in range(effort.pick(min(turns, 2), 1))]
            _start(ours, cache)
            warm, noop = [], []
            for _ in range(turns):
                warm.append(_start(ours, cache))
                noop.append(_start(twin, cache))
            twins = _series(twin.name, noop)
            goals = (Goal("value", _READY_SECONDS),)
            for state, starts, wanted in (("warm", warm, goals), ("cold", cold, ())):
                ready, spent = _series(ours.name, starts)
                where = f"{state} cache, host {host}"
                book.add(
                    Figure(f"{state}-{host}", f"ready, {where}", "s", ready, twins[:1], goals=wanted),
                    Figure(f"cpu-{state}-{host}", f"of it processor time, {where}", "s", spent, twins[1:]),
                )
    book.note(
        "One worker. Ready is when the port answers gRPC; workers answer nothing before rules, engine and policy are ready."
    )


SCENARIO = Scenario("startup", "From the start of the process until it answers", measure)
startup = SCENARIO.command()


def _cold(contender: Contender) -> Start:
    with tempfile.TemporaryDirectory() as cache:
        return _start(contender, cache)


def _start(contender: Contender, cache: str) -> Start:
    address = f"127.0.0.1:{free_port()}"
    command = [part.replace("{}", address) for part in contender.command]
    with started(*command, address=address, cpus=SERVER_CPUS, environment={"SIDECAR_CACHE": cache}) as server:
        return Start(server.ready_seconds, server.cpu_seconds())


def _series(name: str, starts: Sequence[Start]) -> tuple[Series, Series]:
    """Return the seconds until ready, and the processor time in them."""
    return Series(name, tuple(each.ready for each in starts)), Series(name, tuple(each.cpu for each in starts))
