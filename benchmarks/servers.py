"""Servers under measurement: started as processes of their own, with the CPU time that they used."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import grpc

_START_SECONDS = 30.0


class Server:
    """A running server process.

    Args:
        process: the process.
        address: where it listens.
    """

    def __init__(self, process: subprocess.Popen[bytes], address: str) -> None:
        self.process = process
        self.address = address

    def family(self) -> list[int]:
        """Return the process ids of the server and its children."""
        return list(_family(self.process.pid))

    def cpu_seconds(self) -> float:
        """Return the CPU time, in seconds, that the process and its children have used so far."""
        return sum(_cpu_seconds(pid) for pid in _family(self.process.pid))


@contextmanager
def started(*command: str, address: str, cpus: Sequence[int] = ()) -> Iterator[Server]:
    """Run `python -m COMMAND`, wait until its gRPC port answers, and stop it at the end.

    Args:
        *command: module and arguments.
        address: where it will listen.
        cpus: where it may run; everywhere if left out.
    """
    pinned = ["taskset", "-c", ",".join(map(str, cpus))] if cpus else []
    process = subprocess.Popen([*pinned, sys.executable, "-m", *command], stderr=subprocess.DEVNULL)
    try:
        with grpc.insecure_channel(address) as channel:
            grpc.channel_ready_future(channel).result(_START_SECONDS)
        yield Server(process, address)
    finally:
        process.terminate()
        process.wait(20)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _cpu_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _family(pid: int) -> Iterator[int]:
    yield pid
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return
    for child in children:
        yield from _family(int(child))
