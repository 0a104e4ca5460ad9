"""`Forward`: one HTTP exchange carried for an application; the same transaction that Envoy's exchanges run through."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import msgspec

from sidecar.adapters._pb import filter_pb2 as pb
from sidecar.adapters.credentials import Guard, to_credentials
from sidecar.adapters.messages import to_response
from sidecar.adapters.rpc import Call, RpcError, Status
from sidecar.adapters.tracing import ExchangeTrace, Tracer, begin_trace
from sidecar.core import api_errors, refusal
from sidecar.core.dispatch import read_asked
from sidecar.core.entrance import Entrance
from sidecar.core.exchange import (
    Action,
    BodyEvent,
    BodyMode,
    Caller,
    Continue,
    Direction,
    Event,
    HeadersEvent,
    Modes,
    Reject,
    ReplaceBody,
    SendChunk,
)
from sidecar.core.filter import Filter
from sidecar.core.schemas import Schema
from sidecar.core.transaction import Transaction
from sidecar.core.upstreams import Asking, Outbound
from sidecar.errors import DeadlineExceeded, EngineError, InputError
from sidecar.model import Decision

# The request is judged whole, as it came in one message; the answer is released in chunks of our choice.
_MODES = Modes(request=BodyMode.BUFFERED, response=BodyMode.FULL_DUPLEX)


class UpstreamAnswer(Protocol):
    """The upstream's answer: status and headers at once, the body as it comes."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, names in lower case, without those that belong to the connection."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes."""
        ...


class Gateway(Protocol):
    """Where requests go."""

    def send(
        self, outbound: Outbound, asking: Asking, *, seconds: float | None = None
    ) -> AbstractAsyncContextManager[UpstreamAnswer]:
        """Send a request; the answer's body is read while the context is open."""
        ...


class _Exchange:
    """A transaction, and the answer that its actions make for the application."""

    def __init__(
        self,
        filters: Callable[[str, str], Filter],
        request: pb.ForwardRequest,
        entrance: Entrance | None,
        trace: ExchangeTrace | None,
    ) -> None:
        self._trace = trace
        self._filters = filters
        self._entrance = entrance
        self.application = ""
        self._begin_as(request.scope.application)
        self.path = request.path or "/"
        self.is_over = False
        # The answer has been ended, by the upstream or by us in its middle; nobody waits for what else it says.
        self.is_complete = False
        self.has_begun = False
        self._status = 0
        self._headers: dict[str, str] = {}
        self._decisions: dict[Direction, Decision] = {}

    def _begin_as(self, application: str) -> None:
        self.application = application
        caller = Caller(application=application, modes=_MODES, headers=self._trace.headers if self._trace else ())
        self._transaction = Transaction(self._filters, caller, report=self._report)

    def receive(self, event: Event) -> list[Action]:
        """Take the next part; the perimeter may refuse it, and our own failure meets the policy."""
        actions = self._judge(event)
        if self._trace:
            self._trace.receive(event)
            for action in actions:
                self._trace.act(action)
        return actions

    def _judge(self, event: Event) -> list[Action]:
        fault = self._entrance.receive(event) if self._entrance else None
        if self._entrance and event.direction == "request" and isinstance(event, HeadersEvent):
            self._begin_as(self._entrance.application)
        try:
            if fault:
                return self._transaction.refuse(fault, event)
            return self._transaction.receive(event)
        except EngineError as error:
            return self._transaction.fail(error, event)

    async def take(self, event: Event) -> list[Action]:
        """Take the next part; in a thread where inspecting may wait for another process."""
        if self._transaction.waits:
            return await asyncio.to_thread(self.receive, event)
        return self.receive(event)

    def asking(self, outbound: Outbound) -> Asking:
        """Return what the way of a request depends on."""
        path, headers = outbound.path.partition("?")[0], outbound.headers
        lane = self._filters(self.application, path).lane
        codings = (headers.get("content-encoding", ""),)
        asked = read_asked(outbound.body, path, codings, lane.decoders, limit=lane.body_limit)
        return Asking(self.application, path, asked.model, headers)

    def expect(self, answer: UpstreamAnswer) -> None:
        """Remember what the answer begins with, until it may be shown."""
        self._status, self._headers = answer.status, dict(answer.headers)

    def answers(self, actions: Iterable[Action]) -> list[pb.ForwardResponse]:
        """Turn actions for the response into messages."""
        return [message for action in actions for message in self._answer(action)]

    def refuse(self, error: InputError | EngineError) -> list[pb.ForwardResponse]:
        """Answer for an upstream that is not there, or that could not be asked this."""
        wait = getattr(error, "retry_after", 0.0)
        message = str(error)
        fault = api_errors.Fault(
            error.http_status, error.code, f"{message[:1].upper()}{message[1:]}.", retry_after=wait
        )
        return self.answers([refusal.reject(self.path, fault)])

    def last(self) -> pb.ForwardResponse:
        """Return the message that ends a good exchange."""
        decision = self._decisions.get("response")
        return pb.ForwardResponse(response_decision=to_response(decision) if decision else None)

    def _answer(self, action: Action) -> Iterable[pb.ForwardResponse]:
        if isinstance(action, Reject):
            self.is_over = True
            yield self._begin(action.status, dict(action.headers), action.body)
        elif isinstance(action, Continue) and (action.direction, action.part) == ("response", "headers"):
            yield self._begin(self._status, self._edited(action), b"")
        elif isinstance(action, SendChunk):
            self.is_complete = self.is_complete or action.end
            if action.data:
                yield pb.ForwardResponse(body=action.data)

    def _edited(self, action: Continue) -> dict[str, str]:
        return action.edits.applied(self._headers)

    def _begin(self, status: int, headers: dict[str, str], body: bytes) -> pb.ForwardResponse:
        self.has_begun = True
        decision = self._decisions.get("request")
        return pb.ForwardResponse(
            status=status, headers=headers, body=body, request_decision=to_response(decision) if decision else None
        )

    def _report(self, direction: Direction, schema: Schema, decision: Decision) -> None:
        self._decisions[direction] = decision
        if self._trace:
            self._trace.report(direction, schema, decision)


class Forwarder(msgspec.Struct, frozen=True):
    """What a forwarded request needs besides the filter.

    Args:
        gateway: where it goes.
        guard: the perimeter; None: callers are believed.
        on_first_token: told the seconds from the request's leaving to the first byte of its answer that is released.
        tracer: begins a span for each exchange that is sampled; None for none.
    """

    gateway: Gateway
    guard: Guard | None = None
    on_first_token: Callable[[float], object] = lambda _: None
    tracer: Tracer | None = None


async def forward(
    request: pb.ForwardRequest, call: Call, filters: Callable[[str, str], Filter], forwarder: Forwarder
) -> AsyncIterator[pb.ForwardResponse]:
    """Filter a request, send it upstream, and yield the guarded answer.

    Args:
        request: what the application wants to send.
        call: gives the deadline that is handed on.
        filters: gives the filter of an application and route.
        forwarder: sends it.

    Raises:
        RpcError: the answer broke off after it had begun; never ends with OK in that case.
    """
    guard = forwarder.guard
    entrance = _entrance(guard, call) if guard else None
    headers = {name.lower(): value for name, value in request.headers.items()}
    method = request.method or "POST"
    path = request.path or "/"
    head = HeadersEvent("request", ((":method", method), (":path", path), *headers.items()), end=not request.body)
    trace = begin_trace(forwarder.tracer, head, call) if forwarder.tracer else None
    exchange = _Exchange(filters, request, entrance, trace)
    try:
        async for message in _forward(exchange, head, Outbound(method, path, headers, request.body), call, forwarder):
            yield message
    finally:
        if trace:
            trace.end(exchange.application)
        if entrance:
            entrance.close()


def _entrance(guard: Guard, call: Call) -> Entrance:
    return Entrance(
        guard.gatekeeper,
        service="filter",
        key_header=guard.key_header,
        credentials=to_credentials(call, guard.key_header),
        on_usage=guard.on_usage,
        on_refusal=guard.refused,
        decoders=guard.decoders,
    )


async def _forward(
    exchange: _Exchange, head: HeadersEvent, asked: Outbound, call: Call, forwarder: Forwarder
) -> AsyncIterator[pb.ForwardResponse]:
    actions = await exchange.take(head)
    headers, body = asked.headers, asked.body
    if body and not any(isinstance(action, Reject) for action in actions):
        actions += await exchange.take(BodyEvent("request", body, end=True))
        body = next((action.data for action in actions if isinstance(action, ReplaceBody)), body)
    for action in actions:
        if isinstance(action, Continue | ReplaceBody):
            headers = action.edits.applied(headers)
    for message in exchange.answers(actions):
        yield message
    if exchange.is_over:
        return
    if forwarder.guard:
        # Who calls us is none of the upstream's business.
        headers = {name: value for name, value in headers.items() if name != forwarder.guard.key_header}
    async for message in _exchanged(exchange, Outbound(asked.method, asked.path, headers, body), call, forwarder):
        yield message


async def _exchanged(
    exchange: _Exchange, outbound: Outbound, call: Call, forwarder: Forwarder
) -> AsyncIterator[pb.ForwardResponse]:
    """Send a request that may go on, and yield the guarded answer."""
    asking = exchange.asking(outbound)
    begin = time.perf_counter()
    try:
        async with forwarder.gateway.send(outbound, asking, seconds=call.time_remaining()) as answer:
            async for message in _carry(exchange, answer):
                if message.body and begin:
                    forwarder.on_first_token(time.perf_counter() - begin)
                    begin = 0.0
                yield message
    except (InputError, EngineError) as error:
        if exchange.has_begun:
            late = isinstance(error, DeadlineExceeded)
            raise RpcError(Status.DEADLINE_EXCEEDED if late else Status.UNAVAILABLE, str(error)) from error
        for message in exchange.refuse(error):
            yield message
        return
    if not exchange.is_over:
        yield exchange.last()


async def _carry(exchange: _Exchange, answer: UpstreamAnswer) -> AsyncIterator[pb.ForwardResponse]:
    exchange.expect(answer)
    for message in exchange.answers(
        await exchange.take(HeadersEvent("response", ((":status", str(answer.status)), *answer.headers.items())))
    ):
        yield message
    async for chunk in answer.chunks():
        for message in exchange.answers(await exchange.take(BodyEvent("response", chunk))):
            yield message
        if exchange.is_over or exchange.is_complete:
            return
    for message in exchange.answers(await exchange.take(BodyEvent("response", b"", end=True))):
        yield message
