"""Who is measured: the sidecar on both hosts, and its no-op twins; started on the same processors."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import msgspec

from benchmarks.servers import Server, free_port, started

# Servers, and Envoy before them, share these processors; the generator has the others where there are more.
_ALL = sorted(os.sched_getaffinity(0))
SERVER_CPUS = tuple(_ALL[:2])
LOAD_CPUS = tuple(_ALL[2:4]) or SERVER_CPUS


class Contender(msgspec.Struct, frozen=True):
    """A server to measure.

    Args:
        name: in tables.
        command: what `python -m` runs; the address is put in the place of `{}`.
    """

    name: str
    command: tuple[str, ...]


def sidecar(host: str, workers: int = 2) -> Contender:
    """Return the sidecar on one host."""
    command = ("sidecar", "serve", "--listen", "{}", "--host", host, "--workers", str(workers), "--admin", "off")
    return Contender(f"sidecar, host {host}", command)


NOOP_GRPC = Contender("no-op, grpc.aio", ("benchmarks.noop", "{}"))
NOOP_ENVOY = Contender("no-op, host envoy", ("benchmarks.noop_envoy", "{}", "2"))


@contextmanager
def running(contenders: tuple[Contender, ...]) -> Iterator[list[Server]]:
    """Run all contenders at once on the servers' processors; they are loaded in turns."""
    with ExitStack() as stack:
        servers = []
        for contender in contenders:
            address = f"127.0.0.1:{free_port()}"
            command = [part.replace("{}", address) for part in contender.command]
            servers.append(stack.enter_context(started(*command, address=address, cpus=SERVER_CPUS)))
        yield servers
