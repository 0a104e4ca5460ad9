"""One worker: services on a host, from the first byte to the drained end."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack

import msgspec

from sidecar.adapters.extproc import ExternalProcessor
from sidecar.adapters.filter_service import FilterService
from sidecar.adapters.rpc import Method
from sidecar.app import Live, Options
from sidecar.backends.upstream import Upstream
from sidecar.hosts import grpcio
from sidecar.hosts.health import Health
from sidecar.hosts.listen import Listen
from sidecar.hosts.reflection import Reflection

# After SIGTERM, calls in flight get this long; Kubernetes kills after 30 s.
GRACE_SECONDS = 10.0


class Settings(msgspec.Struct, frozen=True):
    """What a worker is started with.

    Args:
        listen: where, and what is let in.
        options: rules and policy.
        upstream: URL of the upstream gateway, for `Forward`; empty for none.
    """

    listen: Listen
    options: Options
    upstream: str = ""


def services(live: Live, upstream: Upstream | None) -> tuple[list[Method], Health]:
    """Return every method of a worker, and its health.

    Args:
        live: the snapshot in force.
        upstream: where `Forward` sends; None where there is no upstream.
    """
    methods = [*FilterService(live.current, upstream).methods(), *ExternalProcessor(live.current).methods()]
    health = Health(tuple({method.service for method in methods}), live.identity)
    methods.extend(health.methods())
    methods.extend(Reflection(methods).methods())
    return methods, health


async def serve(settings: Settings, *, on_ready: Callable[[str], None]) -> None:
    """Serve on the grpcio host until SIGTERM or SIGINT, then drain.

    Args:
        settings: where, and with which rules.
        on_ready: called once with the addresses, when calls are answered.

    Raises:
        BundleError, ConfigError: rules, policy or addresses cannot be used.
    """
    live = Live(settings.options)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with AsyncExitStack() as stack:
        upstream = Upstream(settings.upstream) if settings.upstream else None
        if upstream:
            stack.push_async_callback(upstream.close)
        methods, health = services(live, upstream)
        server = await grpcio.start(methods, settings.listen)
        health.set_serving(is_serving=True)
        on_ready(", ".join(str(address) for address in server.addresses))
        await stopping.wait()
        health.set_serving(is_serving=False)
        await server.stop(GRACE_SECONDS)
