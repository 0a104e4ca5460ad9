"""A real Envoy's ext_proc client resets every stream it opens; both hosts must not mind, however many there are."""

import asyncio
import contextlib
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from sidecar.errors import ConfigError
from sidecar.gateway.envoy import find_envoy

sys.path.insert(0, str(Path(__file__).parent))
import dataplane

pytestmark = pytest.mark.e2e
BODY = b'{"model":"m","messages":[{"role":"user","content":"' + b"word " * 200 + b'"}]}'


@pytest.fixture(scope="module", autouse=True)
def _envoy():
    try:
        find_envoy()
    except ConfigError as error:
        pytest.skip(str(error))


@contextlib.contextmanager
def data_plane(addresses):
    """Run an Envoy before some workers; gives its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(dataplane.command(port, addresses))
    try:
        wait_for(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def wait_for(port):
    """Wait until somebody listens."""
    import time

    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise AssertionError("Envoy does not listen")


async def post_many(url, total, at_once):
    """Send so many requests; return how many got which status."""
    counts = {}
    numbers = iter(range(total))

    async def send(client):
        for _ in numbers:
            answer = await client.post(f"{url}/v1/chat/completions", content=BODY)
            counts[answer.status_code] = counts.get(answer.status_code, 0) + 1

    async with httpx.AsyncClient(timeout=30) as client:
        await asyncio.gather(*(send(client) for _ in range(at_once)))
    return counts


async def test_thousands_of_reset_streams_are_all_answered(host, serving, tmp_path):
    """2,000 is twice the limit at which nghttp2 and grpcio would send GOAWAY."""
    with serving(host, 1, f"unix:{tmp_path}/f.sock") as served, data_plane(served.addresses) as url:
        assert await post_many(url, 2000, 32) == {200: 2000}


async def test_worker_sockets_share_the_load(host, serving, tmp_path):
    """One Envoy with both sockets listed gives each worker half, where one shared port would give one of them all."""
    with serving(host, 2, f"unix:{tmp_path}/f.sock") as served, data_plane(served.addresses) as url:
        assert await post_many(url, 200, 8) == {200: 200}


async def test_dead_worker_is_never_passed_by(host, serving, tmp_path):
    """With its filter gone Envoy answers 5xx; nothing gets through unfiltered."""
    with serving(host, 1, f"unix:{tmp_path}/f.sock") as served, data_plane(served.addresses) as url:
        served.stop()
        counts = await post_many(url, 20, 4)

    assert 200 not in counts


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("h2load") is None, reason="needs h2load (nghttp2-client)")
def test_a_hundred_thousand_reset_streams(host, serving, tmp_path):
    """100,000 streams, each reset by Envoy: every request is answered 200."""
    body = tmp_path / "body.json"
    body.write_bytes(BODY)
    with serving(host, 1, f"unix:{tmp_path}/f.sock") as served, data_plane(served.addresses) as url:
        ran = subprocess.run(
            ["h2load", "-n", "100000", "-c", "8", "-m", "16", "-d", str(body), f"{url}/v1/chat/completions"],
            check=True,
            capture_output=True,
            text=True,
        )

    assert "status codes: 100000 2xx, 0 3xx, 0 4xx, 0 5xx" in ran.stdout
