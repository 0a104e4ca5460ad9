"""Open-loop load: requests start when they are due, and latency counts from then, so that no stall hides (coordinated omission)."""

from __future__ import annotations

import asyncio
import time

import msgspec
from hdrh.histogram import HdrHistogram

_LONGEST_MICROS = 60_000_000


class Latency(msgspec.Struct, frozen=True):
    """Percentiles in milliseconds, and the whole distribution for plots.

    Args:
        p50: median.
        p90: 90th percentile.
        p99: 99th percentile.
        p999: 99.9th percentile.
        curve: (percentile, milliseconds).
    """

    p50: float
    p90: float
    p99: float
    p999: float
    curve: tuple[tuple[float, float], ...] = ()


def summarise(histogram: HdrHistogram) -> Latency:
    """Return the percentiles of a histogram in microseconds."""

    def at(percentile: float) -> float:
        return float(histogram.get_value_at_percentile(percentile)) / 1000

    curve = tuple((point, at(point)) for point in (0, 10, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 99.99))
    return Latency(at(50), at(90), at(99), at(99.9), curve)


async def open_loop(
    port: int, path: str, body: bytes, *, rate: float, seconds: float, connections: int = 16, warm_up: float = 1.0
) -> Latency:
    """Send requests at a rate over kept-alive connections.

    Args:
        port: on the loopback.
        path: of the request.
        body: JSON.
        rate: requests a second.
        seconds: how long, after the warm-up.
        connections: requests wait for a free one, and the wait counts.
        warm_up: seconds that do not count.

    Raises:
        RuntimeError: an answer was not 200.
    """
    request = (
        f"POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    ).encode() + body
    histogram = HdrHistogram(1, _LONGEST_MICROS, 3)
    free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for _ in range(connections):
        free.put_nowait(await asyncio.open_connection("127.0.0.1", port))
    begin = time.perf_counter()
    counted_from = begin + warm_up

    async def one(due: float) -> None:
        reader, writer = await free.get()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        free.put_nowait((reader, writer))
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"an answer was {head[:40]!r}")
        if due >= counted_from:
            histogram.record_value(max(1, int((time.perf_counter() - due) * 1e6)))

    async with asyncio.TaskGroup() as group:
        for number in range(int(rate * (seconds + warm_up))):
            due = begin + number / rate
            pause = due - time.perf_counter()
            if pause > 0:
                await asyncio.sleep(pause)
            group.create_task(one(due))
    while not free.empty():
        free.get_nowait()[1].close()
    return summarise(histogram)
