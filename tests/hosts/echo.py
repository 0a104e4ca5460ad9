"""A service with one method per thing a host must get right; served by both hosts in the interoperability tests."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

from google.protobuf.wrappers_pb2 import BytesValue, Int32Value, StringValue
from prometheus_client import CollectorRegistry, Counter, generate_latest

from sidecar.adapters.rpc import Answer, Call, Method, RpcError, Shape, Status
from sidecar.errors import BundleError, ConfigError
from sidecar.hosts.worker import Workload

SECRET = "the text of a prompt"
cancelled: list[str] = []


def unary(request: BytesValue, call: Call) -> Answer:
    """Answer at once, already serialised."""
    return request.SerializeToString()


async def later(request: StringValue, call: Call) -> Answer:
    """Answer after so many seconds; note a cancellation."""
    try:
        await asyncio.sleep(float(request.value))
    except asyncio.CancelledError:
        cancelled.append("later")
        raise
    return request


def cancellations(request: BytesValue, call: Call) -> Answer:
    """Say which handlers were cancelled so far, and forget them."""
    answer = StringValue(value=",".join(cancelled))
    cancelled.clear()
    return answer


async def count(request: Int32Value, call: Call) -> AsyncIterator[Answer]:
    """Stream 0 .. n-1; a negative number streams for ever."""
    number = 0
    try:
        while number != request.value:
            yield Int32Value(value=number)
            number += 1
            if request.value < 0:
                await asyncio.sleep(0.01)
    except (asyncio.CancelledError, GeneratorExit):  # cancelled while it runs, or closed between two answers
        cancelled.append("count")
        raise


async def collect(requests: AsyncIterator[Int32Value], call: Call) -> Answer:
    """Sum what the client streams."""
    total = 0
    async for request in requests:
        total += request.value
    return Int32Value(value=total)


async def chat(requests: AsyncIterator[BytesValue], call: Call) -> AsyncIterator[Answer]:
    """Echo each message; after the client's half-close say how many bytes came in."""
    total = 0
    answered = False
    try:
        async for request in requests:
            total += len(request.value)
            yield request.SerializeToString()
        yield BytesValue(value=b"total %d" % total)
        answered = True
    finally:
        # A client that goes away may show as the end of its messages first: what follows is what must not go on.
        if not answered:
            cancelled.append("chat")


async def fail(request: StringValue, call: Call) -> Answer:
    """End in the way that is asked for."""
    return _end(request.value, call)


async def fail_stream(requests: AsyncIterator[StringValue], call: Call) -> AsyncIterator[Answer]:
    """Echo until a message asks for an end."""
    async for request in requests:
        yield StringValue(value="got " + request.value) if request.value == "hello" else _end(request.value, call)


def _end(how: str, call: Call) -> Answer:
    if how == "denied":
        call.set_trailing_metadata({"reason": "no", "proof-bin": b"\x00\xff"})
        raise RpcError(Status.PERMISSION_DENIED, "ça ne va pas: 100 %", details=(StringValue(value="detail"),))
    if how == "bug":
        raise ValueError(SECRET)
    raise RpcError(Status.UNIMPLEMENTED, how)


def mirror(request: BytesValue, call: Call) -> Answer:
    """Send the client's metadata back as trailers and as text."""
    metadata = dict(call.metadata)
    call.set_initial_metadata({"first": "yes"})
    call.set_trailing_metadata({name: value for name, value in metadata.items() if name.startswith("x-")})
    left = call.time_remaining()
    return StringValue(value="none" if left is None else f"{left:.1f}")


def peer(request: BytesValue, call: Call) -> Answer:
    """Say who calls."""
    return StringValue(value=" ".join((call.peer, *call.peer_identities)))


async def wave_through(requests: AsyncIterator[bytes], call: Call) -> AsyncIterator[Answer]:
    """Tell an Envoy to go on with headers and body, without reading them: a no-op ext_proc."""
    async for request in requests:
        yield _HEADERS_GO_ON if request[0] >> 3 == _REQUEST_HEADERS else _BODY_GOES_ON


# Field numbers of ProcessingRequest and ProcessingResponse: 2 and 1 are the request's headers, 4 and 3 its body.
_REQUEST_HEADERS = 2
_HEADERS_GO_ON = b"\x0a\x02\x0a\x00"
_BODY_GOES_ON = b"\x1a\x02\x0a\x00"

METHODS = (
    Method("/envoy.service.ext_proc.v3.ExternalProcessor/Process", Shape.BIDI, None, None, wave_through),
    Method("/test.Echo/Unary", Shape.UNARY, BytesValue, BytesValue, unary),
    Method("/test.Echo/Later", Shape.UNARY, StringValue, StringValue, later),
    Method("/test.Echo/Cancellations", Shape.UNARY, BytesValue, StringValue, cancellations),
    Method("/test.Echo/Count", Shape.SERVER_STREAM, Int32Value, Int32Value, count),
    Method("/test.Echo/Collect", Shape.CLIENT_STREAM, Int32Value, Int32Value, collect),
    Method("/test.Echo/Chat", Shape.BIDI, BytesValue, BytesValue, chat),
    Method("/test.Echo/Fail", Shape.UNARY, StringValue, StringValue, fail),
    Method("/test.Echo/FailStream", Shape.BIDI, StringValue, StringValue, fail_stream),
    Method("/test.Echo/Mirror", Shape.UNARY, BytesValue, StringValue, mirror),
    Method("/test.Echo/Peer", Shape.UNARY, BytesValue, StringValue, peer),
)


def build(settings):
    """Make the workload of a worker under test."""
    if settings.get("fault") == "config":
        raise ConfigError("settings: not usable")
    if settings.get("fault") == "crash":
        os.abort()

    async def reload():
        if Path(settings["reload"]).read_text() == "bad":  # noqa: ASYNC240 - a test
            raise BundleError("rules/x.yaml:1: not a rule")

    served = Counter("echo_served", "Calls served.", registry=(registry := CollectorRegistry()))

    def counted(request, call):
        served.inc()
        return request.SerializeToString()

    everyone = []

    async def ask(act):
        deaf = settings.get("deaf") == str(settings["worker"])
        return {"failure": "deaf" if deaf and act == "follow" else "", "revision": act}

    async def ask_all(request, call):
        answers = await everyone[0](request.value)
        told = [f"{answer['worker']} {answer['generation']} {answer['failure']}".strip() for answer in answers]
        return StringValue(value=", ".join(sorted(told)))

    count_method = Method("/test.Echo/Counted", Shape.UNARY, BytesValue, BytesValue, counted)
    return Workload(
        methods=(*METHODS, count_method, Method("/test.Echo/AskAll", Shape.UNARY, StringValue, StringValue, ask_all)),
        ask=ask,
        connect=everyone.append,
        revision=lambda: "r1",
        reload=reload,
        metrics=lambda: generate_latest(registry).decode(),
    )
