"""Servers under test: the echo service on each host, as processes of their own."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sidecar.hosts import envoy

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
HOSTS = (
    "grpcio",
    pytest.param("envoy", marks=pytest.mark.skipif(bool(envoy.unusable()), reason=envoy.unusable() or "-")),
)


class Served:
    """A running supervisor of the echo service."""

    def __init__(self, process, ready):
        self.process = process
        self.addresses = ready.rpartition(" on ")[2].split(", ")
        self.address = self.addresses[0]

    def stop(self):
        """Ask it to end and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(15)

    def line(self):
        """Return the next line that it says."""
        return self.process.stdout.readline().strip()


def launch(host, workers=1, address="127.0.0.1:0", **settings):
    """Start a supervisor and return its process, without waiting."""
    pairs = [f"{key}={value}" for key, value in settings.items()]
    return subprocess.Popen(
        [sys.executable, str(HERE / "serve.py"), host, str(workers), address, *pairs],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


@contextlib.contextmanager
def serving(host, workers=1, address="127.0.0.1:0", **settings):
    """Run a supervisor until the block ends."""
    process = launch(host, workers, address, **settings)
    try:
        ready = process.stdout.readline().strip()
        assert ready.startswith("ready"), ready
        yield Served(process, ready)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        process.stdout.close()


@pytest.fixture(params=HOSTS)
def host(request):
    """Each host that can be used here."""
    return request.param


@pytest.fixture(scope="module", params=HOSTS)
def echo_server(request):
    """One worker of the echo service, on each host."""
    with serving(request.param) as served:
        yield served


@pytest.fixture(name="serving")
def serving_fixture():
    """The context manager that runs a supervisor."""
    return serving


@pytest.fixture(name="launch")
def launch_fixture():
    """The function that starts a supervisor."""
    return launch


@pytest.fixture(name="eventually")
def eventually_fixture():
    """Wait until a condition holds."""

    def eventually(holds, seconds=10.0):
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, "it did not come true in time"
            time.sleep(0.05)

    return eventually
