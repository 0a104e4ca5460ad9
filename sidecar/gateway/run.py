"""Runs the gateway: the sidecar's server, Envoy before it, and the demo upstream where it is asked for."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from sidecar.adapters.extproc import ExternalProcessor
from sidecar.errors import EngineError
from sidecar.gateway import bootstrap
from sidecar.gateway.demo import DemoUpstream
from sidecar.gateway.envoy import Envoy, require_free
from sidecar.hosts import grpcio
from sidecar.hosts.listen import Limits, Listen, TcpAddress, UnixAddress

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sidecar.core.filter import Filters

DEMO = "demo"
_GRACE_SECONDS = 2.0
# A message holds the body and what surrounds it.
_MESSAGE_ROOM = 2**20


class Settings(msgspec.Struct, frozen=True):
    """What the gateway is asked to do.

    Args:
        listen: where clients connect; port 0 chooses a free one.
        upstream: a URL, or `demo`.
        application: the name under which policies know the traffic.
        concurrency: Envoy's worker threads; None for one each core.
        modes: ext_proc's body modes, request and response.
    """

    listen: str = "127.0.0.1:8080"
    upstream: str = DEMO
    application: str = ""
    concurrency: int | None = None
    modes: tuple[str, str] = ("BUFFERED", "BUFFERED")


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
    upstream = None if settings.upstream == DEMO else bootstrap.parse_upstream(settings.upstream)
    body_limit = snapshot.filter(settings.application).lane.body_limit
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="portcullis-")))
        demo = None
        if upstream is None:
            demo = DemoUpstream().start()
            stack.callback(demo.stop)
            upstream = bootstrap.parse_upstream(demo.url)
        sockets = (folder / "filter.sock", folder / "admin.sock")
        server = await grpcio.start(
            ExternalProcessor(lambda: snapshot).methods(),
            Listen((UnixAddress(sockets[0]),), limits=Limits(max_message_bytes=body_limit + _MESSAGE_ROOM)),
        )
        stack.push_async_callback(server.stop, _GRACE_SECONDS)
        plan = bootstrap.Plan(
            listen=listen,
            upstream=upstream,
            filter_socket=str(sockets[0]),
            admin_socket=str(sockets[1]),
            body_limit=body_limit,
            application=settings.application,
            modes=settings.modes,
        )
        envoy = Envoy(bootstrap.bootstrap(plan), sockets[1], concurrency=settings.concurrency)
        stack.push_async_callback(envoy.stop)
        await envoy.start()
        address = TcpAddress(listen.host, listen.port or await envoy.port())
        yield Gateway(f"http://{address}", envoy, demo)


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
