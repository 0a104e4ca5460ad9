"""Who is measured: the sidecar on both hosts, and its no-op twins; started on the same processors, with as many workers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import msgspec

from benchmarks.servers import Server, free_port, launched

# Servers, and Envoy before them, share these processors; the generator has the others where there are more.
_ALL = sorted(os.sched_getaffinity(0))
SERVER_CPUS = tuple(_ALL[:2])
LOAD_CPUS = tuple(_ALL[2:4]) or SERVER_CPUS
# As many as the servers' processors.
WORKERS = 2

NOOP_GRPC = "no-op, grpc.aio"
NOOP_ENVOY = "no-op, host envoy"


class Contender(msgspec.Struct, frozen=True):
    """A server to measure.

    Args:
        name: in tables.
        command: what `python -m` runs; the address is put in the place of `{}`.
    """

    name: str
    command: tuple[str, ...]


def sidecar(host: str, workers: int = WORKERS) -> Contender:
    """Return the sidecar on one host."""
    command = ("sidecar", "serve", "--listen", "{}", "--host", host, "--workers", str(workers), "--admin", "off")
    return Contender(f"sidecar, host {host}", command)


def noop_grpc(workers: int = WORKERS) -> Contender:
    """Return plain grpc.aio that answers with constants."""
    return Contender(NOOP_GRPC, ("benchmarks.noop", "{}", str(workers)))


def noop_envoy(workers: int = WORKERS) -> Contender:
    """Return our own host `envoy` that answers with constants."""
    return Contender(NOOP_ENVOY, ("benchmarks.noop_envoy", "{}", str(workers)))


@contextmanager
def running(contenders: tuple[Contender, ...]) -> Iterator[list[Server]]:
    """Run all contenders at once on the servers' processors; they are loaded in turns."""
    with ExitStack() as stack:
        servers = []
        for contender in contenders:
            address = f"127.0.0.1:{free_port()}"
            command = [part.replace("{}", address) for part in contender.command]
            servers.append(stack.enter_context(launched(*command, address=address, cpus=SERVER_CPUS)))
        for server in servers:
            server.wait_until_ready()
        yield servers


@contextmanager
def on(cpus: tuple[int, ...]) -> Iterator[None]:
    """Keep this thread, and what it starts, on some processors: a load generator in Python stays off the servers'."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
