"""`memory`: resident memory of a worker, of rule sets, and how it grows over many requests."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from benchmarks import h2load
from benchmarks.book import Book, Effort
from benchmarks.check import PATH
from benchmarks.command import Scenario
from benchmarks.contenders import LOAD_CPUS, Contender, noop_envoy, noop_grpc, running, sidecar
from benchmarks.report import Chart, Figure, Goal, Line, Series
from benchmarks.servers import Server
from benchmarks.texts import text_of
from sidecar.adapters._pb import filter_pb2 as pb

_MEBIBYTE = 2**20
_MILLION = 1_000_000
_STEPS = 10
_RULE_SETS = ("10", "100", "1000", "10000", "shipped")
_MOST_MIB = 120_000_000 / _MEBIBYTE
_MOST_GROWTH = 5.0


def measure(book: Book, effort: Effort, *, requests: int | None = None) -> None:
    """Resident memory: of each worker, of rule sets of 10 to 10,000 rules, and its growth over requests.

    \b
    Examples:
      sidecar bench memory
      sidecar bench memory --quick
      sidecar bench memory --requests 1000000      the goal of issue 6; a minute or two
    """
    h2load.require()
    count = requests or effort.pick(60_000, 2_000)
    for contenders in ((sidecar("envoy"), noop_envoy()), (sidecar("grpcio"), noop_grpc())):
        with book.part(contenders[0].name):
            _worker(book, contenders, count)
    with book.part("rule sets"):
        _rule_sets(book, effort)
    book.note(
        f"Resident memory includes the libraries that processes share. Growth is from {count // _STEPS:,} warm-up requests to "
        f"{count + count // _STEPS:,}, texts with personal data among them; the goal is about one million (`--requests {_MILLION}`)."
    )


SCENARIO = Scenario("memory", "Resident memory", measure)
memory = SCENARIO.command(
    click.Option(
        ["--requests"], type=click.IntRange(100, 100 * _MILLION), help="Requests over which growth is measured."
    )
)


def resident(pid: int | str) -> int:
    """Return the resident memory of a process, in bytes; see `/proc/PID/status`."""
    return _kibibytes(f"/proc/{pid}/status", "VmRSS:")


def proportional(pid: int | str) -> int:
    """Return its share of the resident memory, in bytes, where pages that are shared count in parts."""
    return _kibibytes(f"/proc/{pid}/smaps_rollup", "Pss:")


def _kibibytes(path: str, name: str) -> int:
    lines = Path(path).read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def _mib(values: Sequence[int]) -> float:
    return sum(values) / len(values) / _MEBIBYTE


def _worker(book: Book, contenders: tuple[Contender, ...], count: int) -> None:
    """Measure the workers of a host and of its no-op: at rest, and over many requests."""
    host = contenders[0].name.split()[-1]
    with running(contenders) as servers:
        curves = {c.name: _over_requests(server, count) for c, server in zip(contenders, servers, strict=True)}
        shares = [
            Series(c.name, (_mib([proportional(pid) for pid in s.workers()]),))
            for c, s in zip(contenders, servers, strict=True)
        ]
    ours, twin = contenders[0].name, contenders[1].name
    at_rest = [Series(name, (curves[name][0][1],)) for name in (ours, twin)]
    growth = [Series(name, (_growth(curves[name]),)) for name in (ours, twin)]
    size = (Goal("value", _MOST_MIB),)
    book.add(
        Figure(f"worker-{host}", f"resident, each worker, host {host}", "MiB", at_rest[0], (at_rest[1],), goals=size),
        Figure(f"share-{host}", f"its proportional share (PSS), host {host}", "MiB", shares[0], (shares[1],)),
        Figure(
            f"growth-{host}",
            f"growth over {count:,} requests, host {host}",
            "%",
            growth[0],
            (growth[1],),
            goals=(Goal("value", _MOST_GROWTH),),
        ),
    )
    lines = tuple(Line(name, tuple(points)) for name, points in curves.items())
    book.draw(Chart(f"growth-{host}", f"Memory of a worker over requests, host {host}", "requests", "MiB", lines))


def _over_requests(server: Server, count: int) -> list[tuple[float, float]]:
    """Send requests in steps; return (requests so far, mean MiB of a worker) after each, the warm-up first."""
    frames = [
        h2load.grpc_frame(pb.CheckRequest(text=text_of(kind, 1024)).SerializeToString()) for kind in ("PII", "clean")
    ]
    step = count // _STEPS
    points: list[tuple[float, float]] = []
    for number in range(_STEPS + 1):
        for frame, part in ((frames[0], step // 20), (frames[1], step - step // 20)):
            h2load.run(
                f"http://{server.address}{PATH}", frame, headers=h2load.GRPC_HEADERS, requests=part, cpus=LOAD_CPUS
            )
        points.append(((number + 1) * step, _mib([resident(pid) for pid in server.workers()])))
    return points


def _growth(points: Sequence[tuple[float, float]]) -> float:
    return (points[-1][1] / points[0][1] - 1) * 100


def _rule_sets(book: Book, effort: Effort) -> None:
    """Measure a process that loaded a rule set, beside one that loaded everything but rules."""
    chosen = effort.pick(_RULE_SETS, _RULE_SETS[1::3])
    bare = _loaded("0")
    points: list[tuple[float, float]] = []
    for name in chosen:
        found = _loaded(name)
        question = f"a process with {'the rules that ship' if name == 'shipped' else f'{int(name):,} rules'}"
        book.add(
            Figure(
                f"rules-{name}", question, "MiB", Series("sidecar", (found,)), (Series("the same, no rules", (bare,)),)
            )
        )
        if name != "shipped":
            points.append((float(name), found - bare))
    line = Line("sidecar, rules alone", tuple(points))
    book.draw(Chart("rules", "Memory that rules take", "rules", "MiB", (line,), log_x=True))


def _loaded(wanted: str) -> float:
    command = [sys.executable, "-m", "benchmarks.rule_sets", wanted]
    _run(command)  # compiles into the cache; what compiling took is not what serving takes
    return int(_run(command)) / _MEBIBYTE


def _run(command: Sequence[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout
