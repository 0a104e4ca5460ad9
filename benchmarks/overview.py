"""The overview: scan time, `Check` and ext_proc, each beside its no-op twin from the same run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import click
import grpc
import msgspec
from rich.progress import Progress

from benchmarks.dataplane import dataplane
from benchmarks.http_load import closed_loop
from benchmarks.report import Figure, Report, describe_machine, save, show
from benchmarks.servers import Server, free_port, started
from benchmarks.texts import CLEAN_TEXT
from sidecar.adapters._pb import filter_pb2 as pb
from sidecar.app import load_snapshot
from sidecar.model import Segment

_CONCURRENCY = 32
_WARM_UP_SECONDS = 0.5
_TURNS = 3


@click.command()
@click.option("--seconds", default=3.0, show_default=True, help="Length of each measurement.")
@click.option("--json", "path", type=click.Path(path_type=Path), default=Path("out/overview.json"), show_default=True)
def overview(seconds: float, path: Path) -> None:
    """Scan time per KB, Check and ext_proc requests per second, beside their twins."""
    steps: tuple[Callable[[float], Figure], ...] = (_scan, _check, _ext_proc)
    with Progress(transient=True) as progress:
        figures = [step(seconds) for step in progress.track(steps, description="measuring")]
    report = Report(describe_machine(), tuple(figures))
    save(report, path)
    show(report, "Portcullis overview")
    click.echo(f"saved {path}")


def _scan(seconds: float) -> Figure:
    snapshot = load_snapshot()
    lane = snapshot.filter().lane
    segments = (Segment(CLEAN_TEXT, "request.user"),)
    ours, bare = _alternate(
        lambda: snapshot.engine.judge(segments, lane), lambda: snapshot.engine.scanner.scan(CLEAN_TEXT), seconds
    )
    return Figure("inspect 1 KB of clean text", "µs", ours * 1e6, bare * 1e6, "bare scan, same database", ours / bare)


def _alternate(one: Callable[[], object], other: Callable[[], object], seconds: float) -> tuple[float, float]:
    """Time two functions in turns, so that both meet the same noise; the best turn of each counts."""
    best = [float("inf"), float("inf")]
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for index, call in enumerate((one, other)):
            begin = time.perf_counter()
            for _ in range(200):
                call()
            best[index] = min(best[index], (time.perf_counter() - begin) / 200)
    return best[0], best[1]


def _check(seconds: float) -> Figure:
    request = pb.CheckRequest(text=CLEAN_TEXT).SerializeToString()
    ours_at, twin_at = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    with (
        started("sidecar", "serve", "--listen", ours_at, "--workers", "1", "--admin", "off", address=ours_at) as ours,
        started("benchmarks.noop", twin_at, address=twin_at) as twin,
    ):
        path = "/sidecar.v1.FilterService/Check"
        rates = [asyncio.run(_rate_per_core(server, path, request, seconds)) for server in (ours, twin)]
    return Figure("Check, per server core", "req/s", rates[0], rates[1], "no-op grpc.aio", rates[0] / rates[1])


async def _rate_per_core(server: Server, path: str, request: bytes, seconds: float) -> float:
    """Return calls per second of the server's CPU time: the load generator's own cost does not count."""
    async with grpc.aio.insecure_channel(server.address) as channel:
        call = channel.unary_unary(path, None, None)
        await _load(call, request, _WARM_UP_SECONDS)
        before = server.cpu_seconds()
        calls = await _load(call, request, seconds)
        return calls / (server.cpu_seconds() - before)


async def _load(call: Callable[[bytes], object], request: bytes, seconds: float) -> int:
    end = time.monotonic() + seconds

    async def loop() -> int:
        count = 0
        while time.monotonic() < end:
            await call(request)  # type: ignore[misc]
            count += 1
        return count

    return sum(await asyncio.gather(*(loop() for _ in range(_CONCURRENCY))))


def _ext_proc(seconds: float) -> Figure:
    body = msgspec.json.encode({"model": "demo", "messages": [{"role": "user", "content": CLEAN_TEXT}]})
    request = (
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n"
        b"content-length: %d\r\n\r\n%b" % (len(body), body)
    )
    ours_at, twin_at = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    with (
        started("sidecar", "serve", "--listen", ours_at, "--workers", "1", "--admin", "off", address=ours_at),
        started("benchmarks.noop", twin_at, address=twin_at),
    ):
        ours, twin = asyncio.run(_through_envoy((ours_at, twin_at), request, seconds))
    return Figure("ext_proc, 1 KB chat body, one worker", "req/s", ours, twin, "no-op grpc.aio", ours / twin)


async def _through_envoy(targets: tuple[str, str], request: bytes, seconds: float) -> list[float]:
    async with AsyncExitStack() as stack:
        ports = [await stack.enter_async_context(dataplane(target)) for target in targets]
        for port in ports:
            await closed_loop(port, request, seconds=_WARM_UP_SECONDS)
        # In turns, so that both meet the same noise.
        turn = seconds / _TURNS
        counts = [0, 0]
        for _ in range(_TURNS):
            for index, port in enumerate(ports):
                counts[index] += await closed_loop(port, request, seconds=turn)
        return [count / seconds for count in counts]
