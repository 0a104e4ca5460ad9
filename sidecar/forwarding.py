"""Puts forwarding together from its file: where requests may go, and the connections that take them there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sidecar.core.upstreams import Directory
from sidecar.errors import ConfigError
from sidecar.rules.upstreams import Forwarding, read_upstreams, single
from sidecar.telemetry import Metrics

if TYPE_CHECKING:
    from sidecar.backends.upstream import Upstreams


def load_forwarding(upstream: str, upstreams: Path | None) -> Forwarding | None:
    """Read where requests may go: one URL, or an upstreams file; None where there is neither.

    Raises:
        ConfigError: the URL or the file cannot be used.
    """
    if upstreams is None:
        return single(upstream) if upstream else None
    try:
        return read_upstreams(upstreams.read_bytes(), str(upstreams))
    except OSError as error:
        raise ConfigError(f"{upstreams}: no such upstreams file ({error.strerror})") from None


def chooser(forwarding: Forwarding | None) -> Directory | None:
    """Return the directory that a host's filter chooses by; None where there is nothing to choose."""
    return None if forwarding is None or forwarding.directory.is_simple else forwarding.directory


def open_upstreams(forwarding: Forwarding | None, metrics: Metrics) -> Upstreams | None:
    """Make the connections of `Forward`; None where there is nowhere to go.

    Args:
        forwarding: where requests may go.
        metrics: count what becomes of them.

    Raises:
        ConfigError: a file of certificate authorities cannot be read.
    """
    if forwarding is None:
        return None
    # Imported here, with an HTTP client: most sidecars send nothing themselves.
    from sidecar.backends.upstream import Upstreams  # noqa: PLC0415 - see above
    from sidecar.backends.upstream_metrics import UpstreamMetrics  # noqa: PLC0415 - see above

    upstreams = Upstreams(forwarding, UpstreamMetrics(metrics.registry, metrics.upstream_seconds))
    metrics.before_render(upstreams.show)
    return upstreams
