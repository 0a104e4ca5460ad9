"""An upstream that is slow, resets, swallows or talks nonsense: what callers see, through the gateway and `Forward`."""

import asyncio
import contextlib

import grpc
import pytest

from sidecar.adapters._pb import filter_pb2 as pb
from tests.chaos import faulty
from tests.chaos.load import Client, chat, read_answer, request
from tests.chaos.rig import eventually_async
from tests.chaos.test_drain import method

pytestmark = pytest.mark.e2e
FAULTS = {
    faulty.reset: {502, 503},
    faulty.close: {502, 503},
    faulty.garbage: {502, 503},
    faulty.cut_body: {502, 503},
    faulty.broken_json: {502},
    faulty.empty: {200, 502},  # nothing is in it that could pass unjudged
    faulty.huge_headers: {502, 503},
    faulty.overload: {503},
}
STREAMS = (faulty.cut_stream, faulty.garbage_stream, faulty.endless_event)
# In every run; the others are for `-m chaos`.
ALWAYS = (faulty.reset, faulty.broken_json, faulty.cut_stream)


def forward_request(*, stream=False):
    """A chat request for `Forward`."""
    return pb.ForwardRequest(
        method="POST",
        path="/v1/chat/completions",
        headers={"content-type": "application/json"},
        body=chat("What is the capital of France?", **({"stream": True} if stream else {})),
    )


async def forward(path, *, stream=False, seconds=20):
    """Send through `Forward`; return the gRPC status, the HTTP status and the body."""
    async with grpc.aio.insecure_channel(path.sidecar.address) as channel:
        call = method(channel, "Forward", pb.ForwardRequest, pb.ForwardResponse, "unary_stream")
        call = call(forward_request(stream=stream), timeout=seconds)
        parts = []
        try:
            parts = [part async for part in call]
        except grpc.aio.AioRpcError as error:
            return error.code(), 0, b""
        return grpc.StatusCode.OK, parts[0].status, b"".join(part.body for part in parts)


def marked(fault, *values):
    """A parameter; opt-in where it is not one of those of every run."""
    name = fault.__name__
    return pytest.param(fault, *values, id=name, marks=() if fault in ALWAYS else pytest.mark.chaos)


@pytest.mark.parametrize(("fault", "statuses"), [marked(*item) for item in FAULTS.items()])
async def test_fault_is_an_error_in_the_api_s_shape(path, fault, statuses):
    """Both ways answer with an error that a client of the API can read, and the next request is served."""
    path.upstream.reset(fault)
    client = Client(path.port)
    answer = await asyncio.wait_for(client.post(chat("What is the capital of France?")), 20)
    code, status, body = await forward(path)

    assert answer is not None
    assert answer.status in statuses
    assert answer.status == 200 or "error" in answer.json()
    assert (code, status in statuses) == (grpc.StatusCode.OK, True)
    assert status == 200 or b'"error"' in body
    path.upstream.reset()
    assert (await client.post(chat("And of Spain?"))).status == 200
    await client.close()


@pytest.mark.parametrize("fault", [marked(fault) for fault in STREAMS])
async def test_broken_stream_never_ends_well(path, fault):
    """No clean end as if the answer were whole: the connection breaks, or an error comes before `[DONE]`."""
    path.upstream.reset(fault)
    reader, writer = await asyncio.open_connection("127.0.0.1", path.port)
    # Whatever the answer is, the connection ends with it.
    writer.write(request(chat("count", stream=True)).replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n", 1))
    async with asyncio.timeout(30):
        answer = b""
        with contextlib.suppress(OSError, EOFError):
            answer = await reader.readuntil(b"\r\n\r\n")
            while part := await reader.read(65536):
                answer += part
    writer.close()
    code, status, body = await forward(path, stream=True)

    assert b"[DONE]" not in answer.partition(b'"error"')[0]
    assert b"[DONE]" not in body.partition(b'"error"')[0]
    assert b" 200 " not in answer[:16] or not answer.endswith(b"\r\n0\r\n\r\n") or b'"error"' in answer
    assert code is not grpc.StatusCode.OK or status >= 500 or b'"error"' in body


@pytest.mark.chaos
async def test_slow_answer_is_waited_for(path):
    """A few bytes at a time are an answer all the same."""
    path.upstream.reset(faulty.trickle)
    reader, writer = await asyncio.open_connection("127.0.0.1", path.port)
    writer.write(request(chat("count", stream=True)))
    answer = await asyncio.wait_for(read_answer(reader), 30)
    writer.close()
    code, status, body = await forward(path, stream=True)

    assert answer.status == status == 200
    assert code is grpc.StatusCode.OK
    assert answer.body.endswith(b"data: [DONE]\n\n")
    assert body.endswith(b"data: [DONE]\n\n")


async def test_black_hole_ends_with_the_deadline(path):
    """`Forward` answers by the caller's deadline, and the upstream is let go."""
    path.upstream.reset(faulty.black_hole)
    code, status, _ = await forward(path, seconds=1.0)

    assert code is grpc.StatusCode.DEADLINE_EXCEEDED or status == 504
    await eventually_async(lambda: path.upstream.closed_by_peer == 1)


async def test_caller_that_leaves_frees_the_upstream(path):
    """Through the gateway and `Forward`: nobody keeps a request open that nobody waits for."""
    path.upstream.reset(faulty.black_hole)
    _, writer = await asyncio.open_connection("127.0.0.1", path.port)
    writer.write(request(chat("What is the capital of France?")))
    await eventually_async(lambda: len(path.upstream.bodies) == 1)
    writer.close()
    await eventually_async(lambda: path.upstream.closed_by_peer == 1)
    async with grpc.aio.insecure_channel(path.sidecar.address) as channel:
        call = method(channel, "Forward", pb.ForwardRequest, pb.ForwardResponse, "unary_stream")(forward_request())
        await eventually_async(lambda: len(path.upstream.bodies) == 2)
        call.cancel()
        await eventually_async(lambda: path.upstream.closed_by_peer == 2)

    await eventually_async(lambda: path.sidecar.metric("sidecar_calls_in_flight") == 0)
