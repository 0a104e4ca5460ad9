"""`startup`: from the start of the process until it answers, with a cold and with a warm cache, on both hosts."""

from __future__ import annotations

import tempfile

from benchmarks.book import Book, Effort
from benchmarks.command import Scenario
from benchmarks.contenders import SERVER_CPUS, Contender, noop_envoy, noop_grpc, sidecar
from benchmarks.report import Figure, Goal, Series
from benchmarks.servers import free_port, started

_READY_SECONDS = 1.0


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
            _seconds(ours, cache)
            warm: list[float] = []
            noop: list[float] = []
            for _ in range(turns):
                warm.append(_seconds(ours, cache))
                noop.append(_seconds(twin, cache))
            twins = (Series(twin.name, tuple(noop)),)
            goals = (Goal("value", _READY_SECONDS),)
            book.add(
                Figure(
                    f"warm-{host}",
                    f"ready, warm cache, host {host}",
                    "s",
                    Series(ours.name, tuple(warm)),
                    twins,
                    goals=goals,
                ),
                Figure(f"cold-{host}", f"ready, cold cache, host {host}", "s", Series(ours.name, tuple(cold)), twins),
            )
    book.note(
        "One worker. Ready is when the port answers gRPC; workers answer nothing before rules, engine and policy are ready."
    )


SCENARIO = Scenario("startup", "From the start of the process until it answers", measure)
startup = SCENARIO.command()


def _cold(contender: Contender) -> float:
    with tempfile.TemporaryDirectory() as cache:
        return _seconds(contender, cache)


def _seconds(contender: Contender, cache: str) -> float:
    address = f"127.0.0.1:{free_port()}"
    command = [part.replace("{}", address) for part in contender.command]
    with started(*command, address=address, cpus=SERVER_CPUS, environment={"SIDECAR_CACHE": cache}) as server:
        return server.ready_seconds
