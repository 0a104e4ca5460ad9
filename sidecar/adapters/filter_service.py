"""`sidecar.v1.FilterService`: messages to core calls and back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

from sidecar.adapters._pb import filter_pb2 as pb
from sidecar.adapters.credentials import Guard, to_credentials, to_rpc_error
from sidecar.adapters.forward import Forwarder, forward
from sidecar.adapters.guard_stream import guard_stream
from sidecar.adapters.messages import to_batch, to_bytes
from sidecar.adapters.rpc import Call, Method, RpcError, Shape, Status
from sidecar.core.filter import Filter, Filters
from sidecar.core.gatekeeper import Admission
from sidecar.core.perimeter import Refusal
from sidecar.core.schemas import request_schema, response_schema
from sidecar.core.usage import Asked, read_request
from sidecar.model import TARGETS, Verdict

T = TypeVar("T")

# More texts than this in one call make a message that other calls wait for; split it.
BATCH_LIMIT = 4096

_SERVICE = "/sidecar.v1.FilterService/"


class FilterService:
    """Answers every method of the service.

    Args:
        snapshot: returns the snapshot in force; each call, and each text of a stream, keeps the one it began with.
        forwarder: how `Forward` sends; None where there is no upstream.
        guard: the perimeter; None: callers are believed.
    """

    def __init__(
        self, snapshot: Callable[[], Filters], forwarder: Forwarder | None = None, guard: Guard | None = None
    ) -> None:
        self._snapshot = snapshot
        self._forwarder = forwarder
        self._guard = guard

    def methods(self) -> list[Method]:
        """Return the methods for a host."""
        return [
            Method(_SERVICE + "Check", Shape.UNARY, pb.CheckRequest, pb.CheckResponse, self.check),
            Method(_SERVICE + "CheckBatch", Shape.UNARY, pb.CheckBatchRequest, pb.CheckBatchResponse, self.check_batch),
            Method(_SERVICE + "CheckStream", Shape.BIDI, pb.CheckRequest, pb.CheckResponse, self.check_stream),
            Method(_SERVICE + "GuardStream", Shape.BIDI, pb.GuardRequest, pb.GuardResponse, self.guard_stream),
            Method(_SERVICE + "Forward", Shape.SERVER_STREAM, pb.ForwardRequest, pb.ForwardResponse, self.forward),
        ]

    def check(self, request: pb.CheckRequest, call: Call) -> bytes | Awaitable[bytes]:
        """Inspect one text or message."""
        admission, scope = self._admit(call, request.scope)
        self._weigh(admission, (request,), scope.route)
        check = self._snapshot().filter(scope.application, scope.route)
        # What may wait for another process, such as the one of the NER model, does so in a thread.
        if check.lane.waits:
            return self._until_done(admission, asyncio.to_thread(_check, check, request, scope))
        try:
            return _check(check, request, scope)
        finally:
            self._leave(admission)

    def check_batch(self, request: pb.CheckBatchRequest, call: Call) -> bytes | Awaitable[bytes]:
        """Inspect many in one call."""
        if len(request.requests) > BATCH_LIMIT:
            raise RpcError(Status.INVALID_ARGUMENT, f"more than {BATCH_LIMIT} requests in a batch; send several")
        admission, shared = self._admit(call, request.scope)
        self._weigh(admission, request.requests, shared.route)
        filter_of = self._snapshot().filter
        common = filter_of(shared.application, shared.route)
        asked: list[tuple[Filter, pb.CheckRequest, pb.Scope]] = []
        for item in request.requests:
            if item.HasField("scope"):
                own = self._own(item.scope, shared)
                asked.append((filter_of(own.application, own.route), item, own))
            else:
                asked.append((common, item, shared))
        if any(check.lane.waits for check, _, _ in asked):
            return self._until_done(admission, _check_side_by_side(asked))
        try:
            return to_batch([_check(*each) for each in asked])
        finally:
            self._leave(admission)

    async def check_stream(self, requests: AsyncIterator[pb.CheckRequest], call: Call) -> AsyncIterator[bytes]:
        """Inspect many over one stream; each text is admitted by itself, so that rates hold on streams too."""
        async for request in requests:
            answer = self.check(request, call)
            yield answer if isinstance(answer, bytes) else await answer

    async def guard_stream(
        self, requests: AsyncIterator[pb.GuardRequest], call: Call
    ) -> AsyncIterator[pb.GuardResponse]:
        """Guard one streamed answer."""
        held: list[Admission | None] = []
        snapshot = self._snapshot()

        def filters(scope: pb.Scope) -> Filter:
            admission, own = self._admit(call, scope)
            held.append(admission)
            return snapshot.filter(own.application, own.route).of_exchange(own.conversation)

        try:
            async for answer in guard_stream(requests, filters):
                yield answer
        finally:
            for admission in held:
                self._leave(admission)

    async def forward(self, request: pb.ForwardRequest, call: Call) -> AsyncIterator[pb.ForwardResponse]:
        """Filter a request, send it upstream, and yield the guarded answer."""
        if self._forwarder is None:
            raise RpcError(
                Status.FAILED_PRECONDITION, "no upstream is configured; start with --upstream URL or --upstreams FILE"
            )
        async for answer in forward(request, call, self._snapshot().filter, self._forwarder):
            yield answer

    def _admit(self, call: Call, scope: pb.Scope) -> tuple[Admission | None, pb.Scope]:
        """Let a call in, under its authenticated name."""
        guard = self._guard
        if guard is None:
            return None, scope
        credentials = to_credentials(call, guard.key_header)
        admission = guard.gatekeeper.admit(credentials, service="filter", route=scope.route)
        if isinstance(admission, Refusal):
            guard.refused(admission.code)
            raise to_rpc_error(admission)
        return admission, pb.Scope(
            application=admission.grant.application, route=scope.route, conversation=scope.conversation
        )

    def _weigh(self, admission: Admission | None, requests: Iterable[pb.CheckRequest], route: str) -> None:
        """Take what the texts of a call will use; a body also names its model and counts its messages.

        Raises:
            RpcError: it is more than the application may use; what the call held is given back.
        """
        guard = self._guard
        if admission is None or guard is None:
            return
        for request in requests:
            is_body = request.WhichOneof("content") == "body"
            asked = read_request(request.body, request.scope.route or route) if is_body else Asked(messages=1)
            length = len(request.body) if is_body else len(request.text.encode())
            refused = guard.gatekeeper.weigh(admission, model=asked.model, length=length, messages=asked.messages)
            if refused is not None:
                guard.gatekeeper.leave(admission)
                guard.refused(refused.code)
                raise to_rpc_error(refused)

    def _leave(self, admission: Admission | None) -> None:
        if admission is not None and self._guard is not None:
            self._guard.gatekeeper.leave(admission)

    async def _until_done(self, admission: Admission | None, work: Awaitable[T]) -> T:
        """Hold what a call was given until its work is done."""
        try:
            return await work
        finally:
            self._leave(admission)

    def _own(self, scope: pb.Scope, shared: pb.Scope) -> pb.Scope:
        """Return the scope of one text of a batch; the authenticated name wins over what the text says."""
        if self._guard is None:
            return scope
        return pb.Scope(application=shared.application, route=scope.route, conversation=scope.conversation)


async def _check_side_by_side(asked: Sequence[tuple[Filter, pb.CheckRequest, pb.Scope]]) -> bytes:
    """Inspect in threads, so that what waits, waits together and is batched."""
    return to_batch(await asyncio.gather(*(asyncio.to_thread(_check, *each) for each in asked)))


def _check(check: Filter, request: pb.CheckRequest, scope: pb.Scope) -> bytes:
    """Inspect one text or message and return the answer, serialised."""
    target = request.target or "request.user"
    if check.lane.keyring is not None:
        check = check.of_exchange(scope.conversation)
    if request.WhichOneof("content") == "body":
        direction = target.partition(".")[0]
        if direction not in ("request", "response"):
            raise RpcError(Status.INVALID_ARGUMENT, "`target` of a body begins with `request` or `response`")
        schema = request_schema(scope.route) if direction == "request" else response_schema(scope.route)
        outcome = check.check_body(request.body, schema, direction)
        masked = outcome.decision.verdict is Verdict.MASK
        return to_bytes(outcome.decision, id_=request.id, body=outcome.body if masked else b"", decision_id=outcome.id)
    if target not in TARGETS:
        raise RpcError(Status.INVALID_ARGUMENT, f"unknown `target`; known: {', '.join(TARGETS)}")
    answer = check.check_text(request.text, target)
    masked = answer.decision.verdict is Verdict.MASK
    return to_bytes(answer.decision, id_=request.id, text=answer.text if masked else "", decision_id=answer.id)
