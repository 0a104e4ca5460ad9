"""The ASGI application of one worker on host `envoy`: pyvoy imports `app` inside the Envoy process.

Envoy opens its listeners only after the lifespan has started, so nobody is answered before the rules are loaded.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from sidecar.hosts.asgi import GrpcApp
from sidecar.hosts.inbox import Receive, Scope, Send
from sidecar.hosts.worker import Spec, Worker, report_failure

# Envoy has this long to answer its own admin socket.
_ADMIN_SECONDS = 5.0
# Certificates and sockets are opened in milliseconds; a worker that takes longer is broken.
_LISTENING_SECONDS = 30.0
_POLL_SECONDS = 0.01
_LINGER_SECONDS = 0.2


class EnvoyCarrier:
    """Drains the Envoy around us through its admin socket.

    Args:
        worker: whose calls are in flight.
    """

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    async def listening(self) -> None:
        """Wait until Envoy has opened its listeners; it does so after the lifespan has started."""
        path = Path(self._worker.spec.admin)
        async with asyncio.timeout(_LISTENING_SECONDS):
            while b" 200 " not in await ask_admin(path, "GET /ready"):  # noqa: ASYNC110 - another process's state
                await asyncio.sleep(_POLL_SECONDS)  # Envoy has no way to call us when it is ready

    async def stop(self, grace: float) -> None:
        """Have Envoy say GOAWAY and close its listeners, and wait for the calls in flight."""
        await asyncio.wait_for(ask_admin(Path(self._worker.spec.admin), "POST /drain_listeners"), _ADMIN_SECONDS)
        # Requests that were on their way when the listeners closed are read and answered, and told to go away.
        await asyncio.sleep(min(grace, _LINGER_SECONDS))
        await self._worker.gate.close(min(grace, _LINGER_SECONDS))
        await self._worker.gate.wait_idle(grace)


async def ask_admin(path: Path, request: str) -> bytes:
    """Send one request to Envoy's admin interface and return the status line of its answer.

    Raises:
        OSError: the socket does not answer.
    """
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(f"{request} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    return answer.partition(b"\r\n")[0]


class Application:
    """Builds the worker in the lifespan, then hands every request to `GrpcApp`."""

    def __init__(self) -> None:
        self._grpc: GrpcApp | None = None
        self._task: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the lifespan."""
        if self._grpc is not None and scope["type"] == "http":
            await self._grpc(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        worker = await self._build()
        self._task = asyncio.get_running_loop().create_task(worker.run(EnvoyCarrier(worker)))
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def _build(self) -> Worker:
        try:
            spec = Spec.from_environment()
            worker = Worker(spec)
            methods = await worker.build()
            limits, compression = spec.listen.limits, spec.listen.compression
            self._grpc = GrpcApp(methods, limits=limits, gate=worker.gate, compression=compression)
        except Exception as error:  # noqa: BLE001 - the boundary of the process: becomes an exit code
            # pyvoy would start without us, and Envoy would answer every call with an empty 500.
            os._exit(report_failure(error))
        return worker


app = Application()
