"""`batch`: texts a second by `CheckBatch` and `CheckStream`, beside a bare Hyperscan loop in Python and the no-ops."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from benchmarks import h2load
from benchmarks.bare_loop import COUNT, LENGTH, running_loops
from benchmarks.book import Book, Effort
from benchmarks.command import Scenario
from benchmarks.contenders import LOAD_CPUS, SERVER_CPUS, noop_envoy, noop_grpc, running, sidecar
from benchmarks.report import Figure, Goal
from benchmarks.servers import Server
from benchmarks.texts import batch as texts_of
from benchmarks.turns import rates_in_turns
from sidecar.adapters._pb import filter_pb2 as pb

BARE = "bare Hyperscan loop, Python"
_SERVICE = "/sidecar.v1.FilterService/"
_STREAMED = 256


def batch_frame() -> bytes:
    """Return a `CheckBatch` of 64 texts of 256 B that differ from each other."""
    requests = [pb.CheckRequest(text=text) for text in texts_of(COUNT, LENGTH)]
    return h2load.grpc_frame(pb.CheckBatchRequest(requests=requests).SerializeToString())


def stream_frames() -> bytes:
    """Return the client's side of a `CheckStream` of 256 texts of 256 B."""
    requests = [pb.CheckRequest(id=str(number), text=text) for number, text in enumerate(texts_of(_STREAMED, LENGTH))]
    return b"".join(h2load.grpc_frame(request.SerializeToString()) for request in requests)


def measure(book: Book, effort: Effort) -> None:
    """Texts a second: `CheckBatch` of 64 texts of 256 B, and `CheckStream` of 256 such texts on each stream.

    \b
    Examples:
      sidecar bench batch
      sidecar bench batch --quick
      sidecar bench batch --turns 9 --json out/before.json
    """
    h2load.require()
    contenders = (sidecar("envoy"), sidecar("grpcio"), noop_envoy(), noop_grpc())
    names = [contender.name for contender in contenders]
    with running(contenders) as servers, running_loops(SERVER_CPUS) as loops:
        named = dict(zip(names, servers, strict=True))
        for method, frame, texts, goals in (
            ("CheckBatch", batch_frame(), COUNT, (Goal("value", 100_000), Goal("speed", 0.5, BARE))),
            ("CheckStream", stream_frames(), _STREAMED, ()),
        ):
            with book.part(method):
                call = (method, frame, texts)
                loads: dict[str, Callable[[bool], float]]
                loads = {name: partial(_rate, server, call, effort) for name, server in named.items()}
                loads[BARE] = lambda warm_up: loops.rate(0.1 if warm_up else effort.pick(0.7, 0.1))
                ours, other, *twins = rates_in_turns(loads, effort.turns).values()
                for host, series, wanted in (("envoy", ours, goals), ("grpcio", other, ())):
                    question = f"{method}, {texts} texts of {LENGTH} B, host {host}"
                    book.add(Figure(f"{method}-{host}", question, "texts/s", series, tuple(twins), True, wanted))
    book.note("The bare loop has a process on each of the servers' two cores.")


SCENARIO = Scenario("batch", "Many texts in one call, and many on one stream, two workers on two cores", measure)
batch = SCENARIO.command()


def _rate(server: Server, call: tuple[str, bytes, int], effort: Effort, warm_up: bool) -> float:
    method, frame, texts = call
    load = h2load.run(
        f"http://{server.address}{_SERVICE}{method}",
        frame,
        headers=h2load.GRPC_HEADERS,
        requests=32 if warm_up else effort.pick(128_000, 8_192) // texts,
        connections=16,
        streams=2,
        cpus=LOAD_CPUS,
    )
    return load.rate * texts
