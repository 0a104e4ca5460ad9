"""nghttp2's h2load: a load generator in C, so that the server is the bottleneck (Debian: nghttp2-client)."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

_RATE = re.compile(r"finished in [^,]+, (?P<rate>[\d.]+) req/s")
_COUNTS = re.compile(r"(?P<succeeded>\d+) succeeded, (?P<failed>\d+) failed, (?P<errored>\d+) errored")


class Load(msgspec.Struct, frozen=True):
    """What a run of the generator found.

    Args:
        rate: requests per second.
        failed: requests without an answer, or with a status other than 2xx.
    """

    rate: float
    failed: int


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
    connections: int = 8,
    streams: int = 16,
    cpus: Sequence[int] = (),
) -> Load:
    """Send requests as fast as they are answered.

    Args:
        url: where.
        body: of each request.
        headers: `name: value`.
        requests: how many in all.
        connections: at once.
        streams: at once on each connection.
        cpus: where the generator may run; everywhere if left out.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "body")
        file.write_bytes(body)
        command = [require(), "-n", str(requests), "-c", str(connections), "-m", str(streams), "-d", str(file)]
        command += [argument for header in headers for argument in ("-H", header)]
        pinned = ["taskset", "-c", ",".join(map(str, cpus))] if cpus else []
        said = subprocess.run([*pinned, *command, url], capture_output=True, text=True, check=True, timeout=300).stdout
    rate, counts = _RATE.search(said), _COUNTS.search(said)
    if rate is None or counts is None:
        raise RuntimeError(f"h2load said nothing that can be read: {said[-200:]}")
    return Load(float(rate["rate"]), int(counts["failed"]) + int(counts["errored"]))


def grpc_frame(message: bytes) -> bytes:
    """Return a message as gRPC puts it into an HTTP/2 body."""
    return b"\0" + len(message).to_bytes(4, "big") + message


GRPC_HEADERS = ("content-type: application/grpc", "te: trailers")
JSON_HEADERS = ("content-type: application/json",)
