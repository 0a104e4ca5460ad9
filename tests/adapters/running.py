"""The real services on the real host, for tests that speak gRPC to them."""

import asyncio
import threading

from sidecar.hosts import grpcio
from sidecar.hosts.listen import Listen, TcpAddress
from sidecar.hosts.worker import Spec, Worker


class Running:
    """A server in a thread of its own, as applications meet it; `settings` are those of `sidecar.serve.Settings`."""

    def __init__(self, settings):
        self._settings = settings
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._main(),))

    def __enter__(self):
        self._thread.start()
        self._ready.wait(30)
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._loop.close()

    async def _main(self):
        self._stop = asyncio.Event()
        listen = Listen((TcpAddress("127.0.0.1", 0),))
        self.worker = worker = Worker(Spec("sidecar.serve:workload", self._settings, listen))
        server = await grpcio.start(await worker.build(), listen, gate=worker.gate)
        worker.health.set_serving(is_serving=True)
        self.metrics = worker._workload.metrics
        self.address = str(server.addresses[0])
        self._ready.set()
        await self._stop.wait()
        await server.stop(1)
        await worker.close()
