"""A closed-loop HTTP/1.1 load generator: as little Python a request as possible, so that servers are the bottleneck."""

from __future__ import annotations

import asyncio
import time


async def closed_loop(port: int, request: bytes, *, seconds: float, connections: int = 32) -> int:
    """Send a request again and again over each connection.

    Args:
        port: on the loopback.
        request: the whole request; the answer must have a content-length.
        seconds: how long.
        connections: how many at once.

    Returns:
        How many answers came with status 200.

    Raises:
        RuntimeError: an answer had another status.
    """
    loop = asyncio.get_running_loop()
    end = time.monotonic() + seconds
    clients = [
        (await loop.create_connection(lambda: _Client(request, end), "127.0.0.1", port))[1] for _ in range(connections)
    ]
    await asyncio.gather(*(client.done for client in clients))
    return sum(client.answers for client in clients)


class _Client(asyncio.Protocol):
    def __init__(self, request: bytes, end: float) -> None:
        self._request = request
        self._end = end
        self._buffer = b""
        self.answers = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, body = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        if not head.startswith(b"HTTP/1.1 200"):
            self._finish(RuntimeError(f"an answer was {head[:40]!r}"))
            return
        self.answers += 1
        self._buffer = b""
        if time.monotonic() < self._end:
            self._transport.write(self._request)
        else:
            self._finish(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._finish(exc or RuntimeError("the server closed the connection"))

    def _finish(self, error: Exception | None) -> None:
        if self.done.done():
            return
        if error:
            self.done.set_exception(error)
        else:
            self.done.set_result(None)
        self._transport.close()
