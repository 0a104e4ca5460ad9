"""gRPC over ASGI: the part of the Envoy host that knows gRPC and does not know Envoy.

One call is one ASGI request over HTTP/2, answered with `http.response.trailers`. READ `GrpcApp.__call__` FIRST.
A unary handler that answers at once costs one receive, three sends and no task, timer or future of its own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Iterable
from inspect import isawaitable
from typing import Any, NoReturn

from google.protobuf.message import Message

from sidecar.adapters.rpc import Answer, Method, RpcError, Shape, Status, serialise
from sidecar.hosts import wire
from sidecar.hosts.failure import internal_error
from sidecar.hosts.framing import ACCEPTED_ENCODINGS, PREFIX, PREFIX_SIZE, Deframer, frame, frame_compressed
from sidecar.hosts.gate import Gate
from sidecar.hosts.inbox import AsgiCall, Event, Inbox, Receive, Scope, Send
from sidecar.hosts.listen import Limits
from sidecar.hosts.silence import Silence

_CONTENT_TYPE = (b"content-type", b"application/grpc")
# ASGI messages that never change are made once; pyvoy only reads them.
_START: Event = {"type": "http.response.start", "status": 200, "headers": [_CONTENT_TYPE], "trailers": True}
_OK_TRAILERS: Event = {
    "type": "http.response.trailers",
    "headers": [(b"grpc-status", b"0")],
    "more_trailers": False,
}
_END: Event = {"type": "http.response.body", "body": b"", "more_body": False}


class _ClientGoneError(Exception):
    """The client reset the stream: there is nobody left to answer."""


def _answer_unknown(request: object, call: object) -> NoReturn:
    del request, call
    raise RpcError(Status.UNIMPLEMENTED, "unknown method")


# What pyvoy raises where something is sent to a client that has gone; the class cannot be imported outside of Envoy.
_DISCONNECTED = "ClientDisconnectedError"

_UNKNOWN = Method("", Shape.UNARY, None, None, _answer_unknown, is_background=True)


class GrpcApp:
    """An ASGI application that serves gRPC methods.

    Args:
        methods: what is served.
        limits: message sizes and timeouts.
        gate: counts the calls; shared with whoever drains the worker.
        compression: the encoding of answers for clients that accept it, or None (right for a loopback).
    """

    def __init__(
        self, methods: Iterable[Method], *, limits: Limits, gate: Gate, compression: str | None = None
    ) -> None:
        self._methods = {method.path: method for method in methods}
        self._limits = limits
        self._gate = gate
        self._compression = compression
        self._silence = Silence(limits.first_message_seconds)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request: find the method, count the call, run it, turn every ending into a status."""
        if not _is_grpc(scope):
            await _refuse(send, status=415)
            return
        call: AsgiCall | None = None
        try:
            call = AsgiCall(scope)
            method = self._methods.get(scope["path"], _UNKNOWN)
            if method.is_background:
                await self._serve(method, call, receive, send)
                return
            self._gate.enter(method)
            try:
                await self._serve(method, call, receive, send)
            finally:
                self._gate.leave()
        except _ClientGoneError:
            return
        except RpcError as error:
            await _send_error(send, call, error)
        except Exception as error:  # noqa: BLE001 - the boundary: every exception becomes a status with an id
            if type(error).__name__ != _DISCONNECTED:
                await _send_error(send, call, internal_error(error))

    async def _serve(self, method: Method, call: AsgiCall, receive: Receive, send: Send) -> None:
        task = self._silence.begin()
        try:
            await self._begin(method, call, receive, send, task)
        except asyncio.CancelledError:
            late = self._silence.verdict(task)
            if late is None:
                raise
            raise late from None
        finally:
            self._silence.end(task)

    async def _begin(
        self, method: Method, call: AsgiCall, receive: Receive, send: Send, task: asyncio.Task[Any] | None
    ) -> None:
        event = await receive()
        if event["type"] != "http.request":
            raise _ClientGoneError
        answer: Any = None
        if method.shape is Shape.UNARY:
            message = self._whole_message(event, call)
            if message is not None:
                self._silence.end(task)
                answer = method.handler(method.parse(message), call)
                if isinstance(answer, (bytes, Message)):
                    await self._send_only(serialise(answer), call, send)
                    return
        inbox = Inbox(method, self._deframer(call), receive, call, lambda: self._silence.end(task))
        try:
            if answer is None:
                inbox.accept(event)
            inbox.watch()
            await self._run(method, call, inbox, send, answer)
        except asyncio.CancelledError:
            ending = self._silence.verdict(task) or inbox.ending()
            if ending is not None:
                raise ending from None
        finally:
            inbox.close()

    async def _run(self, method: Method, call: AsgiCall, inbox: Inbox, send: Send, answer: Any) -> None:
        if answer is None:
            request = inbox if method.shape.client_streams else await inbox.only()
            answer = method.handler(request, call)
        if method.shape.server_streams:
            await self._send_each(answer, call, send)
        else:
            await self._send_only(serialise(await answer if isawaitable(answer) else answer), call, send)

    def _deframer(self, call: AsgiCall) -> Deframer:
        encoding = call.headers.get(b"grpc-encoding", b"identity").decode("latin-1")
        return Deframer(limit=self._limits.max_message_bytes, encoding=encoding)

    def _whole_message(self, event: Event, call: AsgiCall) -> bytes | None:
        """Return the request message if this event is exactly one plain one, the common case; else None."""
        body: bytes = event.get("body", b"")
        if event.get("more_body", False) or len(body) < PREFIX_SIZE:
            return None
        flag, size = PREFIX.unpack_from(body)
        if flag != 0 or size + PREFIX_SIZE != len(body) or size > self._limits.max_message_bytes:
            return None
        if call.deadline is not None and call.deadline <= time.monotonic():
            raise RpcError(Status.DEADLINE_EXCEEDED, "deadline exceeded")
        return body[PREFIX_SIZE:]

    async def _send_only(self, message: bytes, call: AsgiCall, send: Send) -> None:
        await self._start(call, send)
        await send({"type": "http.response.body", "body": self._frame(message, call), "more_body": False})
        await send(_trailers(call))

    async def _send_each(self, answers: AsyncIterator[Answer], call: AsgiCall, send: Send) -> None:
        # Handing an answer over and waiting until it has left are two things: the next one is made meanwhile, so that the
        # common stream of one answer for one question never waits at all, and a slow client still slows its handler down.
        leaving: Awaitable[None] | None = None
        try:
            async for answer in answers:
                if not call.is_started:
                    await self._start(call, send)
                message = answer if type(answer) is bytes else serialise(answer)
                if leaving is not None:
                    await leaving
                leaving = send({"type": "http.response.body", "body": self._frame(message, call), "more_body": True})
                if not isinstance(leaving, asyncio.Future):
                    await leaving  # a server of another kind sends only when it is waited for
                    leaving = None
        finally:
            if isinstance(leaving, asyncio.Future):
                leaving.add_done_callback(_know)
            if isinstance(answers, AsyncGenerator):
                await answers.aclose()
        if leaving is not None:
            await leaving
        if not call.is_started:
            await self._start(call, send)
        await send(_END)
        await send(_trailers(call))

    async def _start(self, call: AsgiCall, send: Send) -> None:
        call.is_started = True
        if self._compression is not None:
            accepted = call.headers.get(b"grpc-accept-encoding", b"").decode("latin-1").replace(" ", "").split(",")
            if self._compression in accepted:
                call.encoding = self._compression
                call.initial = [*(call.initial or ()), (b"grpc-encoding", self._compression.encode())]
        await send({**_START, "headers": [_CONTENT_TYPE, *call.initial]} if call.initial else _START)

    def _frame(self, message: bytes, call: AsgiCall) -> bytes:
        return frame(message) if call.encoding is None else frame_compressed(message, call.encoding)


def _know(leaving: asyncio.Future[None]) -> None:
    """Take notice of how a send ended, for a client that went away before anybody waited for it."""
    if not leaving.cancelled():
        leaving.exception()


def _is_grpc(scope: Scope) -> bool:
    """Whether a request speaks gRPC: POST and application/grpc, alone or with +proto or parameters."""
    if scope["type"] != "http" or scope["method"] != "POST":
        return False
    return any(name == b"content-type" and value.startswith(b"application/grpc") for name, value in scope["headers"])


def _trailers(call: AsgiCall) -> Event:
    if not call.trailing:
        return _OK_TRAILERS
    return {**_OK_TRAILERS, "headers": [(b"grpc-status", b"0"), *call.trailing]}


async def _refuse(send: Send, *, status: int) -> None:
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send(_END)


async def _send_error(send: Send, call: AsgiCall | None, error: RpcError) -> None:
    """End a call with a status: in trailers once it has started, else as a trailers-only answer."""
    headers = wire.status_headers(error)
    if call is not None and call.trailing:
        headers += call.trailing
    if call is not None and call.is_started:
        await send(_END)
        await send({"type": "http.response.trailers", "headers": headers, "more_trailers": False})
        return
    if error.code is Status.UNIMPLEMENTED:
        headers.append((b"grpc-accept-encoding", ACCEPTED_ENCODINGS.encode()))
    initial = call.initial or [] if call is not None else []
    start = {"type": "http.response.start", "status": 200, "headers": [_CONTENT_TYPE, *initial, *headers]}
    await send(start)
    await send(_END)
