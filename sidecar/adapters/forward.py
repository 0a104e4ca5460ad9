"""`Forward`: one HTTP exchange carried for an application; the same transaction that Envoy's exchanges run through."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from sidecar.adapters._pb import filter_pb2 as pb
from sidecar.adapters.credentials import Guard, to_credentials
from sidecar.adapters.messages import to_response
from sidecar.adapters.rpc import Call, RpcError, Status
from sidecar.core import api_errors
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
from sidecar.core.schemas import Schema, request_schema
from sidecar.core.transaction import Transaction
from sidecar.errors import EngineError, SidecarError
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
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, *, seconds: float | None = None
    ) -> AbstractAsyncContextManager[UpstreamAnswer]:
        """Send a request; the answer's body is read while the context is open."""
        ...


class _Exchange:
    """A transaction, and the answer that its actions make for the application."""

    def __init__(
        self, filters: Callable[[str, str], Filter], request: pb.ForwardRequest, entrance: Entrance | None
    ) -> None:
        self._filters = filters
        self._entrance = entrance
        self._begin_as(request.scope.application)
        self.path = request.path or "/"
        self.is_over = False
        self.has_begun = False
        self._status = 0
        self._headers: dict[str, str] = {}
        self._decisions: dict[Direction, Decision] = {}

    def _begin_as(self, application: str) -> None:
        self._transaction = Transaction(
            self._filters, Caller(application=application, modes=_MODES), report=self._report
        )

    def receive(self, event: Event) -> list[Action]:
        """Take the next part; the perimeter may refuse it, and our own failure meets the policy."""
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

    def expect(self, answer: UpstreamAnswer) -> None:
        """Remember what the answer begins with, until it may be shown."""
        self._status, self._headers = answer.status, dict(answer.headers)

    def answers(self, actions: Iterable[Action]) -> list[pb.ForwardResponse]:
        """Turn actions for the response into messages."""
        return [message for action in actions for message in self._answer(action)]

    def refuse(self, error: SidecarError, status: int, code: str) -> pb.ForwardResponse:
        """Answer for an upstream that is not there."""
        fault = api_errors.Fault(status, code, str(error))
        body = api_errors.error_body(request_schema(self.path).name, fault)
        return self._begin(status, {"content-type": "application/json"}, body)

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
        elif isinstance(action, SendChunk) and action.data:
            yield pb.ForwardResponse(body=action.data)

    def _edited(self, action: Continue) -> dict[str, str]:
        return action.edits.applied(self._headers)

    def _begin(self, status: int, headers: dict[str, str], body: bytes) -> pb.ForwardResponse:
        self.has_begun = True
        decision = self._decisions.get("request")
        return pb.ForwardResponse(
            status=status, headers=headers, body=body, request_decision=to_response(decision) if decision else None
        )

    def _report(self, direction: Direction, _schema: Schema, decision: Decision) -> None:
        self._decisions[direction] = decision


async def forward(
    request: pb.ForwardRequest,
    call: Call,
    filters: Callable[[str, str], Filter],
    gateway: Gateway,
    guard: Guard | None = None,
) -> AsyncIterator[pb.ForwardResponse]:
    """Filter a request, send it upstream, and yield the guarded answer.

    Args:
        request: what the application wants to send.
        call: gives the deadline that is handed on.
        filters: gives the filter of an application and route.
        gateway: where it goes.
        guard: the perimeter; None: callers are believed.

    Raises:
        RpcError: the answer broke off after it had begun; never ends with OK in that case.
    """
    entrance = _entrance(guard, call) if guard else None
    try:
        async for message in _forward(_Exchange(filters, request, entrance), request, call, gateway):
            yield message
    finally:
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
    )


async def _forward(
    exchange: _Exchange, request: pb.ForwardRequest, call: Call, gateway: Gateway
) -> AsyncIterator[pb.ForwardResponse]:
    headers = {name.lower(): value for name, value in request.headers.items()}
    method = request.method or "POST"
    head = HeadersEvent(
        "request", ((":method", method), (":path", exchange.path), *headers.items()), end=not request.body
    )
    actions = await exchange.take(head)
    body = request.body
    if request.body and not any(isinstance(action, Reject) for action in actions):
        actions += await exchange.take(BodyEvent("request", body, end=True))
        body = next((action.data for action in actions if isinstance(action, ReplaceBody)), body)
    for action in actions:
        if isinstance(action, Continue | ReplaceBody):
            headers = action.edits.applied(headers)
    for message in exchange.answers(actions):
        yield message
    if exchange.is_over:
        return
    try:
        async with gateway.send(method, exchange.path, headers, body, seconds=call.time_remaining()) as answer:
            async for message in _carry(exchange, answer):
                yield message
    except EngineError as error:
        if exchange.has_begun:
            raise RpcError(Status.UNAVAILABLE, str(error)) from error
        yield exchange.refuse(error, error.http_status, error.code)
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
        if exchange.is_over:
            return
    for message in exchange.answers(await exchange.take(BodyEvent("response", b"", end=True))):
        yield message
