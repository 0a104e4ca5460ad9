"""ext_proc through a real Envoy: requests a second, and added latency against an Envoy without the filter."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median

import click
import msgspec

from benchmarks import h2load
from benchmarks.contenders import LOAD_CPUS, NOOP_ENVOY, NOOP_GRPC, SERVER_CPUS, running, sidecar
from benchmarks.dataplane import dataplane
from benchmarks.open_loop import Latency, open_loop
from benchmarks.report import Figure, finish, track
from benchmarks.texts import CLEAN_TEXT

PATH = "/v1/chat/completions"
BODY = msgspec.json.encode({"model": "demo", "messages": [{"role": "user", "content": CLEAN_TEXT}]})
ALONE = "Envoy alone"


@click.command()
@click.option("--requests", default=10_000, show_default=True, help="Requests in each turn.")
@click.option("--turns", default=3, show_default=True, help="Turns; contenders alternate, the median counts.")
@click.option("--rate", default=500.0, show_default=True, help="Requests a second for latency (open loop).")
@click.option("--seconds", default=10.0, show_default=True, help="Length of each latency measurement.")
@click.option("--json", "path", type=click.Path(path_type=Path), default=Path("out/extproc.json"), show_default=True)
def extproc(requests: int, turns: int, rate: float, seconds: float, path: Path) -> None:
    """A 1 KB chat body through Envoy and the filter, everything on two cores."""
    finish(asyncio.run(measure(requests, turns, rate, seconds)), path, "ext_proc, 1 KB chat body")


async def measure(requests: int, turns: int, rate: float, seconds: float) -> list[Figure]:
    """Measure throughput in turns, then latency from the intended start of each request."""
    contenders = (sidecar("envoy"), sidecar("grpcio"), NOOP_ENVOY, NOOP_GRPC)
    names = [contender.name for contender in contenders]
    rates: dict[str, list[float]] = {name: [] for name in (*names, ALONE)}
    latencies: dict[str, Latency] = {}
    with running(contenders) as servers:
        async with AsyncExitStack() as stack:
            targets: list[str | None] = [*(server.address for server in servers), None]
            ports = [await stack.enter_async_context(dataplane(target, cpus=SERVER_CPUS)) for target in targets]
            for _ in track(range(turns), "throughput"):
                for name, port in zip(rates, ports, strict=True):
                    rates[name].append(await asyncio.to_thread(_throughput, name, port, requests))
            for name, port in track(list(zip(rates, ports, strict=True)), "latency"):
                latencies[name] = await open_loop(port, PATH, BODY, rate=rate, seconds=seconds)
    figures = [
        Figure.ratio_of("throughput", "req/s", median(rates[ours]), median(rates[twin]), f"{ours} / {twin}")
        for ours in names[:2]
        for twin in (*names[2:], ALONE)
    ]
    for ours in names[:2]:
        for percentile in ("p50", "p99"):
            mine, alone = getattr(latencies[ours], percentile), getattr(latencies[ALONE], percentile)
            question = f"{percentile} at {rate:g} req/s, added {mine - alone:.2f} ms"
            figures.append(Figure.ratio_of(question, "ms", mine, alone, f"{ours} / {ALONE}"))
    return figures


def _throughput(name: str, port: int, requests: int) -> float:
    load = h2load.run(
        f"http://127.0.0.1:{port}{PATH}",
        BODY,
        headers=h2load.JSON_HEADERS,
        requests=requests,
        streams=8,
        cpus=LOAD_CPUS,
    )
    if load.failed:
        raise click.ClickException(f"{name}: {load.failed} requests failed")
    return load.rate
