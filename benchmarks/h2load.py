"""nghttp2's h2load: a load generator in C, so that the server is the bottleneck (Debian: nghttp2-client).

It is a closed loop: a request leaves when an answer came. Latencies of a closed loop under full load say how long the queue
is; for what a caller feels at a rate see `open_loop`.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click
from hdrh.histogram import HdrHistogram

from benchmarks.latency import new_histogram

_RATE = re.compile(r"finished in [^,]+, (?P<rate>[\d.]+) req/s")
_COUNTS = re.compile(r"(?P<succeeded>\d+) succeeded, (?P<failed>\d+) failed, (?P<errored>\d+) errored")
_SECONDS = 300


class LoadError(Exception):
    """Calls failed under load."""


class Load:
    """What a run of the generator found.

    Args:
        rate: requests per second.
        histogram: latencies in microseconds.
    """

    def __init__(self, rate: float, histogram: HdrHistogram) -> None:
        self.rate = rate
        self.histogram = histogram


def require() -> str:
    """Return the generator's path.

    Raises:
        click.UsageError: it is not installed.
    """
    path = shutil.which("h2load")
    if path is None:
        raise click.UsageError("this needs the load generator h2load: apt-get install nghttp2-client")
    return path


def run(
    url: str,
    body: bytes,
    *,
    headers: Sequence[str],
    requests: int,
    connections: int = 32,
    streams: int = 4,
    cpus: Sequence[int] = (),
) -> Load:
    """Send requests as fast as they are answered.

    Args:
        url: where.
        body: of each request.
        headers: `name: value`.
        requests: how many in all.
        connections: at once; many, so that workers that share a port get equal shares.
        streams: at once on each connection.
        cpus: where the generator may run; everywhere if left out.

    Raises:
        LoadError: a request had no answer, or one with a status other than 2xx.
    """
    with tempfile.TemporaryDirectory() as folder:
        file, log = Path(folder, "body"), Path(folder, "log")
        file.write_bytes(body)
        command = [require(), "-n", str(requests), "-c", str(min(connections, requests)), "-m", str(streams)]
        command += ["-d", str(file), f"--log-file={log}"]
        command += [argument for header in headers for argument in ("-H", header)]
        pinned = ["taskset", "-c", ",".join(map(str, cpus))] if cpus else []
        said = subprocess.run(
            [*pinned, *command, url], capture_output=True, text=True, check=True, timeout=_SECONDS
        ).stdout
        # Each line: when the request left, the status, microseconds until the answer was complete.
        lines = log.read_text(encoding="ascii").splitlines()
    rate, counts = _RATE.search(said), _COUNTS.search(said)
    if rate is None or counts is None:
        raise LoadError(f"h2load said nothing that can be read: {said[-200:]}")
    failed = int(counts["failed"]) + int(counts["errored"])
    if failed:
        raise LoadError(f"{failed} of {requests} calls failed")
    return Load(float(rate["rate"]), new_histogram(float(line.rpartition("\t")[2]) for line in lines))


def grpc_frame(message: bytes) -> bytes:
    """Return a message as gRPC puts it into an HTTP/2 body."""
    return b"\0" + len(message).to_bytes(4, "big") + message


GRPC_HEADERS = ("content-type: application/grpc", "te: trailers")
JSON_HEADERS = ("content-type: application/json",)
