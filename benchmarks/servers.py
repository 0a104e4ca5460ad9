"""Servers under measurement: started as processes of their own, with the CPU time and the memory that they use."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import grpc

_START_SECONDS = 60.0
_STOP_SECONDS = 20.0


class StartError(Exception):
    """A server did not come up."""


class Server:
    """A running server process.

    Args:
        process: the process.
        address: where it listens.
        said: what it writes on standard error.
        name: for messages.
    """

    def __init__(self, process: subprocess.Popen[bytes], address: str, said: IO[bytes], name: str) -> None:
        self.process = process
        self._name = name
        self.address = address
        self.ready_seconds = 0.0
        """From the start of the process until its port answered."""
        self._said = said
        self._begin = time.perf_counter()

    def wait_until_ready(self) -> None:
        """Wait until the port answers gRPC.

        Raises:
            StartError: it ended, or did not answer in time; holds what it said last.
        """
        try:
            _wait(self.process, self.address)
        except StartError as error:
            self._said.seek(0)
            last = self._said.read()[-500:].decode(errors="replace")
            raise StartError(f"{self._name}: {error}; it said: {last}") from None
        self.ready_seconds = time.perf_counter() - self._begin

    def family(self) -> list[int]:
        """Return the process ids of the server and its children."""
        return list(_family(self.process.pid))

    def workers(self) -> list[int]:
        """Return the processes that serve: the children where there are any, else the server itself."""
        whole = self.family()
        return whole[1:] or whole

    def cpu_seconds(self) -> float:
        """Return the CPU time, in seconds, that the process and its children have used so far."""
        return sum(_cpu_seconds(pid) for pid in self.family())


@contextmanager
def started(
    *command: str, address: str, cpus: Sequence[int] = (), environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Run `python -m COMMAND`, wait until its gRPC port answers, and stop it at the end; see `launched`."""
    with launched(*command, address=address, cpus=cpus, environment=environment) as server:
        server.wait_until_ready()
        yield server


@contextmanager
def launched(
    *command: str, address: str, cpus: Sequence[int] = (), environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Run `python -m COMMAND`, and stop it at the end.

    Args:
        *command: module and arguments.
        address: where it will listen.
        cpus: where it may run; everywhere if left out.
        environment: what differs from ours.
    """
    pinned = ["taskset", "-c", ",".join(map(str, cpus))] if cpus else []
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [*pinned, sys.executable, "-m", *command], stderr=said, env={**os.environ, **(environment or {})}
        )
        try:
            yield Server(process, address, said, command[0])
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(process: subprocess.Popen[bytes], address: str) -> None:
    # gRPC's own back-off is a second, so connections are tried first.
    host, _, port = address.rpartition(":")
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise StartError(f"ended with {process.returncode}")
        try:
            socket.create_connection((host, int(port)), 1).close()
        except OSError:
            time.sleep(0.005)
            continue
        with grpc.insecure_channel(address) as channel:
            try:
                grpc.channel_ready_future(channel).result(max(0.1, end - time.monotonic()))
            except grpc.FutureTimeoutError:
                break
            return
    raise StartError(f"does not answer after {_START_SECONDS:g} s")


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
