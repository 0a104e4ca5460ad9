"""The process of one worker on host `grpcio`: `python -m sidecar.hosts.grpcio_worker`, started by the supervisor."""

from __future__ import annotations

import asyncio
import signal
import sys

import uvloop

from sidecar.hosts import grpcio
from sidecar.hosts.worker import Spec, Worker, report_failure


async def serve(spec: Spec) -> int:
    """Build, bind, report ready, serve until the supervisor says stop; return the exit code."""
    # Signals of a terminal reach the whole process group; the supervisor drains its workers over their own line.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, lambda: None)
    worker = Worker(spec)
    try:
        server = await grpcio.start(await worker.build(), spec.listen, gate=worker.gate)
    except Exception as error:  # noqa: BLE001 - the boundary of the process: becomes an exit code
        return report_failure(error)
    await worker.run(server)
    return 0


if __name__ == "__main__":
    sys.exit(uvloop.run(serve(Spec.from_environment())))
