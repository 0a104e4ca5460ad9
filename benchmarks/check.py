"""`Check`: calls a second of the sidecar on both hosts, beside no-op servers of both kinds, in one run."""

from __future__ import annotations

from pathlib import Path
from statistics import median

import click

from benchmarks import h2load
from benchmarks.contenders import LOAD_CPUS, NOOP_ENVOY, NOOP_GRPC, running, sidecar
from benchmarks.report import Figure, finish, track
from benchmarks.texts import CLEAN_TEXT
from sidecar.adapters._pb import filter_pb2 as pb

PATH = "/sidecar.v1.FilterService/Check"


@click.command()
@click.option("--requests", default=20_000, show_default=True, help="Calls in each turn.")
@click.option("--turns", default=3, show_default=True, help="Turns; contenders alternate, the median counts.")
@click.option("--json", "path", type=click.Path(path_type=Path), default=Path("out/check.json"), show_default=True)
def check(requests: int, turns: int, path: Path) -> None:
    """Unary calls with 1 KB of clean text, on two cores."""
    finish(measure(requests, turns), path, "Check, 1 KB of clean text")


def measure(requests: int, turns: int) -> list[Figure]:
    """Measure every contender in turns."""
    contenders = (sidecar("envoy"), sidecar("grpcio"), NOOP_ENVOY, NOOP_GRPC)
    frame = h2load.grpc_frame(pb.CheckRequest(text=CLEAN_TEXT).SerializeToString())
    rates: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    with running(contenders) as servers:
        for _ in track(range(turns), "Check"):
            for contender, server in zip(contenders, servers, strict=True):
                load = h2load.run(
                    f"http://{server.address}{PATH}",
                    frame,
                    headers=h2load.GRPC_HEADERS,
                    requests=requests,
                    cpus=LOAD_CPUS,
                )
                if load.failed:
                    raise click.ClickException(f"{contender.name}: {load.failed} calls failed")
                rates[contender.name].append(load.rate)
    return [
        Figure.ratio_of(
            "Check", "calls/s", median(rates[ours.name]), median(rates[twin.name]), f"{ours.name} / {twin.name}"
        )
        for ours in contenders[:2]
        for twin in contenders[2:]
    ]
