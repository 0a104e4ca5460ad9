"""`Forward` on both hosts, as a command: what callers do reaches the upstream, and what upstreams do reaches callers."""

# ruff: noqa: SIM117 - what is sent to is written from what was started; the nesting shows that

import asyncio
import contextlib
import json
import os
import re
import sys
from pathlib import Path

import grpc
import pytest

from sidecar.adapters._pb import filter_pb2 as pb
from tests.backends import faulty

pytestmark = pytest.mark.e2e
BODY = json.dumps({"model": "m", "messages": [{"role": "user", "content": "a quartz-otter swims"}]}).encode()


@contextlib.asynccontextmanager
async def command(host, folder, url, extra=""):
    """Run `sidecar serve` over one upstream; yields a channel to it."""
    (folder / "up.yaml").write_text(f"schema: 1\nupstreams: [{{name: u0, url: '{url}'}}]\n{extra}")
    given = ["--host", host, "--workers", "1", "--listen", "127.0.0.1:0", "--admin", "off", "--upstreams", "up.yaml"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sidecar", "serve", *given, cwd=folder, stderr=asyncio.subprocess.PIPE, env=_environment()
    )
    said = b""
    try:
        while not (found := re.search(rb"ready: .* on (\S+)", said)):
            line = await process.stderr.readline()
            assert line, said
            said += line
        async with grpc.aio.insecure_channel(found[1].decode()) as channel:
            yield channel
    finally:
        process.terminate()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), 20)
        if process.returncode is None:
            process.kill()
            await process.wait()
        await process.stderr.read()


def _environment():
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}


def forward(channel, timeout=30):
    method = channel.unary_stream(
        "/sidecar.v1.FilterService/Forward", pb.ForwardRequest.SerializeToString, pb.ForwardResponse.FromString
    )
    headers = {"content-type": "application/json"}
    return method(pb.ForwardRequest(path="/v1/chat/completions", headers=headers, body=BODY), timeout=timeout)


async def test_callers_and_upstreams_learn_of_each_other(host, tmp_path):
    """Cancelled before and in the answer; read slowly; run out of time; broken off: on each host the same."""
    async with faulty.Faulty(faulty.black_hole) as server:
        async with command(host, tmp_path, server.url, "timeouts: {margin: 1}\n") as channel:
            # Cancelled before the answer.
            call = forward(channel)
            await faulty.until(lambda: server.requests)
            call.cancel()
            await asyncio.wait_for(server.gone.wait(), 10)

            # Cancelled in the middle of it.
            server.behave, server.gone = faulty.endless_events, asyncio.Event()
            call = forward(channel)
            assert (await call.read()).status == 200
            call.cancel()
            await asyncio.wait_for(server.gone.wait(), 10)

            # Out of time before the answer: a code while the caller listens, and the upstream is let go.
            server.behave, server.gone = faulty.black_hole, asyncio.Event()
            [part] = [part async for part in forward(channel, timeout=2.0)]
            assert (part.status, json.loads(part.body)["error"]["code"]) == (504, "deadline_exceeded")
            assert b"otter" not in part.body
            await asyncio.wait_for(server.gone.wait(), 10)

            # Broken off after the first byte: never OK.
            server.behave = faulty.reset_in_body
            call = forward(channel)
            with contextlib.suppress(grpc.aio.AioRpcError):
                while await call.read() is not grpc.aio.EOF:
                    pass
            assert await call.code() is grpc.StatusCode.UNAVAILABLE

            # Read slowly: the upstream is stopped.
            server.behave, server.gone = faulty.flood, asyncio.Event()
            call = forward(channel, timeout=60)
            assert (await call.read()).status == 200
            assert b"word1" in (await call.read()).body
            assert await faulty.settled(server) < 48 * 2**20
            assert not server.gone.is_set()
            call.cancel()
            await asyncio.wait_for(server.gone.wait(), 10)
