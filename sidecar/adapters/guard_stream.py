"""`GuardStream`: an answer's chunks in, what may be shown out; it ends with OK only after a decision over the whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from sidecar.adapters._pb import filter_pb2 as pb
from sidecar.adapters.messages import to_response
from sidecar.adapters.rpc import RpcError, Status
from sidecar.core.dialects import dialect_for
from sidecar.core.filter import Filter
from sidecar.core.guard import OutputGuard, Stop, TextGuard
from sidecar.core.schemas import request_schema
from sidecar.model import Decision, Verdict

_EVENTS = "text/event-stream"


async def guard_stream(
    requests: AsyncIterator[pb.GuardRequest], filters: Callable[[pb.Scope], Filter]
) -> AsyncIterator[pb.GuardResponse]:
    """Guard one streamed answer.

    Args:
        requests: the first one carries the scope; the last one says `finish`.
        filters: gives the filter of a scope.

    Raises:
        RpcError: the stream broke off before `finish`, so that nothing was decided about the rest.
    """
    stream: _Stream | None = None
    async for request in requests:
        if stream is None:
            stream = _open(request, filters(request.scope))
        # Where a filter waits for another process, such as the one of the NER model, the event loop must not.
        waits = stream.waits
        for answer in await asyncio.to_thread(stream.timed, request) if waits else stream.timed(request):
            yield answer
        if stream.is_over:
            return
    raise RpcError(Status.ABORTED, "the answer ended without `finish`; what was held back is not released")


class _Stream:
    """What both kinds of content have in common: bytes or text in, parts out, one decision at the end."""

    def __init__(self, check: Filter, schema_name: str) -> None:
        self._check = check
        self._schema_name = schema_name
        self._seconds = 0.0
        self.waits = check.lane.waits
        self._length = 0
        self.is_over = False

    def timed(self, request: pb.GuardRequest) -> list[pb.GuardResponse]:
        """Take a part, and add up the time that guarding takes; the last answer carries the decision."""
        begin = self._check.clock() - self._seconds
        answers = self.take(request)
        self._seconds = self._check.clock() - begin
        if not self.is_over:
            return answers
        decision = self._decision
        last = self._finish(decision)
        # What must be recorded and cannot be is not shown either.
        unrecorded = (last.finished.verdict == pb.VERDICT_BLOCK) > (decision.verdict is Verdict.BLOCK)
        return [last] if unrecorded else [*answers, last]

    def take(self, request: pb.GuardRequest) -> list[pb.GuardResponse]:
        """Take a part and return what may be shown."""
        raise NotImplementedError

    @property
    def _decision(self) -> Decision:
        raise NotImplementedError

    def _finish(self, decision: Decision) -> pb.GuardResponse:
        begin = self._check.clock() - self._seconds
        decision, id_ = self._check.record(
            decision, b"", direction="response", schema_name=self._schema_name, begin=begin, length=self._length
        )
        answer = to_response(decision)
        answer.decision_id = id_
        return pb.GuardResponse(finished=answer)


class _TextStream(_Stream):
    def __init__(self, check: Filter) -> None:
        super().__init__(check, "text")
        self._guard = TextGuard(check.engine, check.lane)

    def take(self, request: pb.GuardRequest) -> list[pb.GuardResponse]:
        self._length += len(request.text)
        shown = self._guard.receive(request.text)
        if request.finish:
            shown += self._guard.finish()
        self.is_over = request.finish or self._decision.verdict is Verdict.BLOCK
        return [pb.GuardResponse(text=shown)] if shown else []

    @property
    def _decision(self) -> Decision:
        return self._guard.decision


class _BodyStream(_Stream):
    def __init__(self, check: Filter, route: str, media_type: str) -> None:
        schema_name = request_schema(route).name
        super().__init__(check, schema_name)
        dialect = dialect_for(schema_name, media_type)
        if dialect is None:
            raise RpcError(
                Status.INVALID_ARGUMENT, "`content_type` names no stream of events; use Check for a whole body"
            )
        self._guard = OutputGuard(check.engine, check.lane, dialect)

    def take(self, request: pb.GuardRequest) -> list[pb.GuardResponse]:
        self._length += len(request.body)
        events = self._guard.receive(request.body)
        if request.finish:
            events += self._guard.finish()
        self.is_over = request.finish or any(isinstance(event, Stop) for event in events)
        return [pb.GuardResponse(body=event.data) for event in events if event.data]

    @property
    def _decision(self) -> Decision:
        return self._guard.decision


def _open(request: pb.GuardRequest, check: Filter) -> _Stream:
    if request.WhichOneof("content") == "body" or request.content_type:
        media_type = (request.content_type or _EVENTS).partition(";")[0].strip().lower()
        return _BodyStream(check, request.scope.route, media_type)
    return _TextStream(check)
