"""Open-loop load: requests start when they are due, and latency counts from then, so that no stall hides (coordinated omission)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from hdrh.histogram import HdrHistogram

from benchmarks.contenders import LOAD_CPUS, SERVER_CPUS
from benchmarks.latency import new_histogram, record

Send = Callable[[], Awaitable[None]]

_ADDRESS = "127.0.0.1"
# Timers of the event loop have a resolution of a millisecond, so the last part of a wait is spent awake: but not on
# processors that the servers need.
_AWAKE_SECONDS = 0.0015 if set(LOAD_CPUS).isdisjoint(SERVER_CPUS) else 0.0


async def open_loop(send: Send, *, rate: float, seconds: float, warm_up: float = 1.0) -> HdrHistogram:
    """Send requests at a rate, whether or not earlier ones were answered.

    Args:
        send: sends one request and returns when it was answered.
        rate: requests a second.
        seconds: how long, after the warm-up.
        warm_up: seconds that do not count.

    Returns:
        Latencies in microseconds, each from the moment at which its request was due.
    """
    histogram = new_histogram()
    begin = time.perf_counter()
    counted_from = begin + warm_up

    async def one(due: float) -> None:
        await send()
        if due >= counted_from:
            record(histogram, (time.perf_counter() - due) * 1e6)

    async with asyncio.TaskGroup() as group:
        for number in range(int(rate * (seconds + warm_up))):
            due = begin + number / rate
            await _until(due)
            group.create_task(one(due))
    return histogram


async def _until(due: float) -> None:
    pause = due - _AWAKE_SECONDS - time.perf_counter()
    if pause > 0:
        await asyncio.sleep(pause)
    while time.perf_counter() < due:  # noqa: ASYNC110 - a clock is waited for, not another task
        await asyncio.sleep(0)


@asynccontextmanager
async def http_sender(port: int, path: str, body: bytes, *, connections: int = 16) -> AsyncIterator[Send]:
    """Make a sender over kept-alive HTTP/1.1 connections.

    Args:
        port: on the loopback.
        path: of the request.
        body: JSON.
        connections: requests wait for a free one, and the wait counts.

    Yields:
        The sender; it raises RuntimeError for an answer other than 200.
    """
    request = (
        f"POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    ).encode() + body
    free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for _ in range(connections):
        free.put_nowait(await asyncio.open_connection(_ADDRESS, port))

    async def send() -> None:
        reader, writer = await free.get()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        free.put_nowait((reader, writer))
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"an answer was {head[:40]!r}")

    try:
        yield send
    finally:
        while not free.empty():
            free.get_nowait()[1].close()
