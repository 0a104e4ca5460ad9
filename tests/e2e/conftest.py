"""Real processes for end-to-end tests: a gateway (Envoy, sidecar, echo upstream) in a thread of its own."""

import asyncio
import contextlib
import threading

import pytest

from sidecar.errors import ConfigError
from sidecar.gateway.envoy import find_envoy
from sidecar.gateway.run import Settings, run

# Envoy starts in a second; a loaded machine may need longer.
_START_SECONDS = 60


@contextlib.contextmanager
def running(snapshot, settings):
    """Run a gateway in a thread of its own and give it to the caller."""
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    box = {}
    ready = threading.Event()

    async def serve():
        try:
            async with run(snapshot, settings) as gateway:
                box["gateway"] = gateway
                ready.set()
                await stop.wait()
        except Exception as error:  # noqa: BLE001 - raised again where the test waits
            box["error"] = error
            ready.set()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert ready.wait(_START_SECONDS), "the gateway did not start"
    if "error" in box:
        thread.join()
        loop.close()
        raise box["error"]
    try:
        yield box["gateway"]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(_START_SECONDS)
        loop.close()


@pytest.fixture(scope="session")
def envoy():
    """Envoy's binary; tests that need it are skipped, with the reason, where it is not installed."""
    try:
        return find_envoy()
    except ConfigError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def gateway(envoy, snapshot):
    """A gateway before the echo upstream, with the body modes that ship."""
    with running(snapshot, Settings(listen="127.0.0.1:0", concurrency=1)) as started:
        yield started
