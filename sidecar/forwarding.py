"""Puts forwarding together from its file: where requests may go, and the connections that take them there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sidecar.core.upstreams import Asking, Directory, Outbound
from sidecar.errors import ConfigError
from sidecar.rules.upstreams import Forwarding, read_upstreams, single
from sidecar.telemetry import Metrics

if TYPE_CHECKING:
    from sidecar.backends.upstream import Answer, Upstreams


def load_forwarding(upstream: str, upstreams: Path | None) -> Forwarding | None:
    """Read where requests may go: one URL, or an upstreams file; None where there is neither.

    Raises:
        ConfigError: the URL or the file cannot be used.
    """
    if upstreams is None:
        return single(upstream) if upstream else None
    return read_upstreams(_read(upstreams), str(upstreams))


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{file}: no such upstreams file ({error.strerror})") from None


def chooser(forwarding: Forwarding | None) -> Directory | None:
    """Return the directory that a host's filter chooses by; None where there is nothing to choose."""
    return None if forwarding is None or forwarding.directory.is_simple else forwarding.directory


class Keeper:
    """The upstreams of one process, as `Forward` sends to them; a reload reads the file again, and a bad one changes nothing.

    Args:
        upstream: a URL, or empty.
        file: the upstreams file, in its place.
        metrics: count what becomes of requests.

    Raises:
        ConfigError: the URL or the file cannot be used, or a file that it names.
    """

    def __init__(self, upstream: str, file: Path | None, metrics: Metrics) -> None:
        # Imported here, with an HTTP client: most sidecars send nothing themselves.
        from sidecar.backends.upstream import Upstreams  # noqa: PLC0415 - see above
        from sidecar.backends.upstream_metrics import UpstreamMetrics  # noqa: PLC0415 - see above

        counts = UpstreamMetrics(metrics.registry, metrics.upstream_seconds)
        self._file = file
        self._content = _read(file) if file else b""
        self._make: Callable[[Forwarding], Upstreams] = partial(Upstreams, metrics=counts)
        self._upstreams = self._make(read_upstreams(self._content, str(file)) if file else single(upstream))
        metrics.before_render(self.show)

    def show(self) -> None:
        """Bring the gauges up to date."""
        self._upstreams.show()

    def send(
        self, outbound: Outbound, asking: Asking, *, seconds: float | None = None
    ) -> AbstractAsyncContextManager[Answer]:
        """Send a request by the file in force; it ends by the file that it began with. See `Upstreams.send`."""
        return self._upstreams.send(outbound, asking, seconds=seconds)

    async def start(self) -> None:
        """Begin to check the upstreams' health."""
        await self._upstreams.start()

    async def reload(self) -> None:
        """Read the file again; where it has changed, upstreams begin anew, and what is under way ends as it began.

        Raises:
            ConfigError: the file cannot be used; the one in force stays.
        """
        if self._file is None:
            return
        content = await asyncio.to_thread(_read, self._file)
        if content == self._content:
            return
        renewed = self._make(read_upstreams(content, str(self._file)))
        await renewed.start()
        before, self._upstreams, self._content = self._upstreams, renewed, content
        await before.close()

    async def close(self) -> None:
        """End the health checks."""
        await self._upstreams.close()


def open_upstreams(upstream: str, file: Path | None, metrics: Metrics) -> Keeper | None:
    """Make the connections of `Forward`; None where there is nowhere to go; see `Keeper`."""
    return Keeper(upstream, file, metrics) if upstream or file else None
