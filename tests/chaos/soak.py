"""Hours of mixed traffic with reloads and clients that leave: memory, descriptors and threads must stay flat.

`python -m tests.chaos.soak --minutes 60 --host envoy` (or `make soak MINUTES=60`) prints what was measured and returns 1 where
something grows. The first tenth is warm-up.
"""

import argparse
import asyncio
import json
import signal
import sys
import time
from pathlib import Path

from tests.chaos.load import Load, request, unfiltered
from tests.chaos.rig import rig

_SAMPLE_SECONDS = 5.0
_RELOAD_SECONDS = 20.0
# Goal 20 asks for less than 1 MiB an hour over a day; a short run cannot resolve that, so growth is bounded, too.
_MEMORY_MIB = 16.0
_SLACK = 8


def sample(pids):
    """Memory in MiB, open descriptors and threads of some processes together."""
    memory = descriptors = threads = 0
    for pid in pids:
        memory += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 2**20
        descriptors += len(list(Path(f"/proc/{pid}/fd").iterdir()))
        threads += len(list(Path(f"/proc/{pid}/task").iterdir()))
    return memory, descriptors, threads


def slope(points):
    """The least-squares slope of (seconds, value), an hour."""
    count = len(points)
    mean_x = sum(x for x, _ in points) / count
    mean_y = sum(y for _, y in points) / count
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return 3600 * sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0


async def leave(port, stop):
    """Clients that go away in the middle, twenty a second."""
    whole = request(b'{"messages":[{"role":"user","content":"hello"}]}')
    number = 0
    while not stop.is_set():
        number += 1
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            continue
        writer.write(whole[: len(whole) * (number % 5 + 1) // 5])
        await asyncio.sleep(0.05)
        writer.transport.abort()


async def soak(host, minutes):
    """Run it; return samples of (seconds, memory, descriptors, threads), and the load."""
    samples, stop = [], asyncio.Event()
    with rig(host) as running, running.canary(f"soak[{host}]") as canary:
        pids = [running.sidecar.process.pid, *running.sidecar.workers()]
        async with Load(running.port, clients=4, pause=0.02) as load:
            leaving = asyncio.create_task(leave(running.port, stop))
            began = reloaded = time.monotonic()
            while (now := time.monotonic()) - began < minutes * 60:
                await asyncio.sleep(_SAMPLE_SECONDS)
                running.upstream.bodies[:] = unfiltered(running.upstream.bodies)
                samples.append((time.monotonic() - began, *sample(pids)))
                if now - reloaded > _RELOAD_SECONDS:
                    reloaded = now
                    running.sidecar.process.send_signal(signal.SIGHUP)
            stop.set()
            await leaving
        left = unfiltered(running.upstream.bodies)
        restarts = running.sidecar.metric("sidecar_worker_restarts")
    return samples, load, left, restarts, canary


def main():
    """Soak, and say what was found."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--host", choices=("grpcio", "envoy"), default="envoy")
    given = parser.parse_args()
    samples, load, left, restarts, canary = asyncio.run(soak(given.host, given.minutes))
    warm = samples[max(1, len(samples) // 10) :]
    half = len(warm) // 2
    grown = [max(s[k] for s in warm[half:]) - max(s[k] for s in warm[:half]) for k in (1, 2, 3)]
    found = {
        "host": given.host,
        "minutes": given.minutes,
        "requests": load.sent,
        "statuses": {f"{kind} {status}": count for (kind, status), count in sorted(load.statuses.items())},
        "unfiltered": [body.decode() for body in left[:5]],
        "worker_restarts": restarts,
        "memory_mib": [round(warm[0][1], 1), round(warm[-1][1], 1)],
        "memory_mib_per_hour": round(slope([(s[0], s[1]) for s in warm[half:]]), 2),
        "descriptors": [warm[0][2], warm[-1][2]],
        "threads": [warm[0][3], warm[-1][3]],
        "second_half_over_first": [round(value, 1) for value in grown],
        "canaries": [canary.sent, canary.passed],
    }
    print(json.dumps(found, indent=1))
    is_flat = grown[0] < _MEMORY_MIB and grown[1] <= _SLACK and grown[2] <= _SLACK
    return int(not is_flat or bool(left) or bool(restarts))


if __name__ == "__main__":
    sys.exit(main())
