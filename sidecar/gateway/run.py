"""Runs the gateway: the sidecar's server, Envoy before it, and the demo upstream where it is asked for."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec

from sidecar.adapters.admin import Admin
from sidecar.adapters.extproc import ExternalProcessor
from sidecar.core.filter import Filters
from sidecar.errors import EngineError
from sidecar.gateway import bootstrap
from sidecar.gateway.demo import DemoUpstream
from sidecar.gateway.envoy import Envoy, require_free, upstream_stats
from sidecar.hosts import grpcio
from sidecar.hosts.listen import Listen, TcpAddress, Tls, UnixAddress, limits_for
from sidecar.hosts.plan import Plan
from sidecar.hosts.supervisor import Supervisor, supervised
from sidecar.rules.upstreams import Forwarding

DEMO = "demo"
_GRACE_SECONDS = 2.0


class Workers(msgspec.Struct, frozen=True):
    """The filter as supervised processes.

    Args:
        factory: makes what each serves; see `sidecar.hosts.worker`.
        settings: for the factory.
        host: `envoy` or `grpcio`.
        count: how many.
        say: takes the few lines that a person should see.
    """

    factory: str
    settings: dict[str, Any]
    host: str
    count: int
    say: Callable[[str], None]


class Settings(msgspec.Struct, frozen=True):
    """What the gateway is asked to do.

    Args:
        listen: where clients connect; port 0 chooses a free one.
        upstream: a URL, or `demo`.
        forwarding: the upstreams file, in place of `upstream`.
        application: the name under which policies know the traffic.
        concurrency: Envoy's worker threads; None for one each core.
        modes: ext_proc's body modes, request and response.
        workers: how the filter runs in processes of its own; None: in this one.
        admin: where metrics and health of the workers are shown; None for nowhere.
        tls: the certificate that clients see, and whose clients are admitted; None: plain HTTP.
    """

    listen: str = "127.0.0.1:8080"
    upstream: str = DEMO
    application: str = ""
    concurrency: int | None = None
    modes: tuple[str, str] = ("BUFFERED", "BUFFERED")
    workers: Workers | None = None
    forwarding: Forwarding | None = None
    admin: TcpAddress | None = None
    tls: Tls | None = None


class Gateway:
    """A running gateway.

    Args:
        url: where it listens.
        demo: the demo upstream, where there is one.
        envoy: the process.
    """

    def __init__(self, url: str, envoy: Envoy, demo: DemoUpstream | None) -> None:
        self.url = url
        self.envoy = envoy
        self.demo = demo

    async def wait(self) -> None:
        """Wait until Envoy ends, which it does not by itself.

        Raises:
            EngineError: it did.
        """
        code = await self.envoy.wait()
        raise EngineError(f"Envoy ended with exit code {code}:\n{self.envoy.last_words}")


@contextlib.asynccontextmanager
async def run(snapshot: Filters, settings: Settings) -> AsyncIterator[Gateway]:
    """Start everything, hand over the running gateway, and end everything.

    Args:
        snapshot: rules and policy.
        settings: what is asked for.

    Raises:
        ConfigError: the address is taken, a setting cannot be used, or Envoy does not start.
    """
    listen = bootstrap.parse_listen(settings.listen)
    if listen.port:
        require_free(listen)
    upstream = settings.forwarding
    if upstream is None and settings.upstream != DEMO:
        upstream = bootstrap.parse_upstream(settings.upstream)
    body_limit = snapshot.filter(settings.application).lane.body_limit
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="portcullis-")))
        demo = None
        if upstream is None:
            demo = DemoUpstream().start()
            stack.callback(demo.stop)
            upstream = bootstrap.parse_upstream(demo.url)
        own = Listen((UnixAddress(folder / "filter.sock"),), limits=limits_for(body_limit))
        admin = folder / "admin.sock"
        sockets = await stack.enter_async_context(_serving(snapshot, own, settings, admin))
        plan = bootstrap.Plan(
            listen=listen,
            upstream=upstream,
            filter_sockets=sockets,
            admin_socket=str(admin),
            body_limit=body_limit,
            application=settings.application,
            modes=settings.modes,
            tls=settings.tls,
        )
        envoy = Envoy(bootstrap.bootstrap(plan), admin, concurrency=settings.concurrency)
        stack.push_async_callback(envoy.stop)
        await envoy.start()
        address = TcpAddress(listen.host, listen.port or await envoy.port())
        yield Gateway(f"{'https' if settings.tls else 'http'}://{address}", envoy, demo)


@contextlib.asynccontextmanager
async def _serving(
    snapshot: Filters, listen: Listen, settings: Settings, envoy_admin: Path
) -> AsyncIterator[tuple[str, ...]]:
    """Run the filter and give its sockets."""
    workers, forwarding = settings.workers, settings.forwarding
    async with contextlib.AsyncExitStack() as stack:
        if workers is None:
            directory = None if forwarding is None or forwarding.directory.is_simple else forwarding.directory
            service = ExternalProcessor(lambda: snapshot, directory=directory)
            server = await grpcio.start(service.methods(), listen)
            stack.push_async_callback(server.stop, _GRACE_SECONDS)
            addresses = server.addresses
        else:
            plan = Plan(
                workers.factory,
                workers.settings,
                listen,
                host=workers.host,
                workers=workers.count,
                grace=_GRACE_SECONDS,
            )
            supervisor = await stack.enter_async_context(supervised(plan, workers.say))
            addresses = supervisor.addresses
            if settings.admin is not None:
                stack.callback(_show(supervisor, settings.admin, envoy_admin, workers.say).close)
        yield tuple(str(address.path) for address in addresses if isinstance(address, UnixAddress))


def _show(supervisor: Supervisor, address: TcpAddress, envoy_admin: Path, say: Callable[[str], None]) -> Admin:
    """Show the workers' metrics, and what Envoy counts of its upstreams."""

    def metrics() -> str:
        return supervisor.metrics() + upstream_stats(envoy_admin)

    pages = Admin(address.host, address.port, metrics=metrics, status=supervisor.status)
    say(f"metrics on http://{address.host}:{pages.port}/metrics")
    return pages


async def run_until(stop: asyncio.Event, gateway: Gateway) -> None:
    """Wait for `stop`, or for Envoy's unexpected end.

    Raises:
        EngineError: Envoy ended.
    """
    waiting = {asyncio.create_task(stop.wait()), asyncio.create_task(gateway.wait())}
    done, pending = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    for task in done:
        task.result()
