"""The whole path as users run it: a real Envoy, `sidecar serve` as a command, and an upstream that misbehaves on request."""

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

from sidecar.gateway import bootstrap
from sidecar.gateway.envoy import _LAUNCHER, Envoy
from sidecar.hosts.listen import TcpAddress
from tests.chaos.canary import Canary
from tests.chaos.upstream import Upstream
from tests.e2e.mesh import in_thread

ROOT = Path(__file__).parents[2]
START_SECONDS = 300


class Sidecar:
    """A running `sidecar serve`; `lines` is what it said."""

    def __init__(self, process):
        self.process = process
        self.lines = []
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stderr:
            self.lines.append(line.rstrip())
            if " ready: " in line:
                self._ready.set()
        self._ready.set()

    def wait_ready(self):
        """Wait until it takes calls."""
        assert self._ready.wait(START_SECONDS), "it did not start"
        assert self.process.poll() is None, "\n".join(self.lines)
        ready = next(line for line in self.lines if " ready: " in line)
        addresses = ready.rpartition(" on ")[2].split(", ")
        self.sockets = [one.removeprefix("unix:") for one in addresses if one.startswith("unix:")]
        self.address = next((one for one in addresses if not one.startswith("unix:")), None)
        self.admin = next((line.rpartition(" on ")[2] for line in self.lines if "metrics on" in line), None)
        return self

    def metrics(self):
        """The metrics of all workers: name with labels, value."""
        with urllib.request.urlopen(self.admin, timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}

    def metric(self, name):
        """The sum of a metric over its labels."""
        return sum(value for key, value in self.metrics().items() if re.match(rf"{name}(?:{{|\Z)", key))

    def status(self):
        """What `/healthz` says."""
        with urllib.request.urlopen(self.admin.replace("/metrics", "/healthz"), timeout=10) as answer:
            return json.load(answer)

    def workers(self):
        """The process ids of workers that take calls."""
        return [one["pid"] for one in self.status()["workers"] if one["ready"]]

    def stop(self, seconds=30):
        """Ask it to end and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)


def command(host, *arguments, workers=2):
    """The command line of `sidecar serve`, launched so that it ends with the tests even where they are killed."""
    line = [*_LAUNCHER, sys.executable, "-m", "sidecar", "serve", "--host", host, "--workers", str(workers)]
    return [*line, *map(str, arguments)]


@contextlib.contextmanager
def sidecar(host, *arguments, workers=2, environment=None, before=()):
    """Run `sidecar serve` until the block ends; `before` is a command that starts it, such as `prlimit`."""
    given = ("--admin", "127.0.0.1:0", *arguments)
    process = subprocess.Popen(
        [*before, *command(host, *given, workers=workers)],
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    started = Sidecar(process)
    try:
        yield started.wait_ready()
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stderr.close()


class Rig:
    """Everything that runs: `port` is where clients connect."""

    def __init__(self, served, upstream, port):
        self.sidecar = served
        self.upstream = upstream
        self.port = port
        self.url = f"http://127.0.0.1:{port}"

    def canary(self, name, **more):
        """A canary through the whole path."""
        bodies = self.upstream.bodies
        return Canary(name, url=self.url, address=self.sidecar.address, arrived=lambda: list(bodies), **more)


@contextlib.asynccontextmanager
async def _front(sockets, upstream, folder, edit):
    plan = bootstrap.Plan(
        listen=TcpAddress("127.0.0.1", 0),
        upstream=bootstrap.parse_upstream(upstream.url),
        filter_sockets=tuple(sockets),
        admin_socket=str(folder / "front.sock"),
        body_limit=10 * 2**20,
    )
    config = bootstrap.bootstrap(plan)
    edit(config)
    envoy = Envoy(config, folder / "front.sock", concurrency=1)
    try:
        await envoy.start()
        yield await envoy.port()
    finally:
        await envoy.stop()


@contextlib.contextmanager
def rig(host, *arguments, workers=2, edit=lambda config: None, **more):
    """Run the whole path.

    `arguments` and `more` go to `sidecar`; `edit` changes the configuration of the Envoy in front.
    """
    with tempfile.TemporaryDirectory(prefix="chaos-") as name, Upstream() as upstream:
        folder = Path(name)
        listen = ("--listen", f"unix:{folder / 'filter.sock'}", "--listen", "127.0.0.1:0", "--upstream", upstream.url)
        with (
            sidecar(host, *listen, *arguments, workers=workers, **more) as served,
            in_thread(_front(served.sockets, upstream, folder, edit)) as port,
        ):
            yield Rig(served, upstream, port)


def eventually(holds, seconds=30.0):
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)


async def eventually_async(holds, seconds=30.0):
    """Wait, in an event loop, until a condition holds; it is asked in a thread."""
    deadline = time.monotonic() + seconds
    while not await asyncio.to_thread(holds):
        assert time.monotonic() < deadline, "it did not come true in time"
        await asyncio.sleep(0.05)
