"""Traces as adapters see them: a span for each exchange and call that is sampled, without any text; nothing where none is.

The context of the caller (W3C `traceparent`, `tracestate`) is the parent, and what goes on upstream is told of our span.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Mapping
from dataclasses import replace
from inspect import isawaitable
from typing import Any, Protocol

from sidecar.adapters._pb import filter_pb2 as pb
from sidecar.adapters.rpc import Call, Method, RpcError, Status
from sidecar.core.exchange import Action, Event, Headers, HeadersEvent, Reject
from sidecar.core.gatekeeper import Usage
from sidecar.core.schemas import Schema
from sidecar.core.trace_facts import Facts, Kind, parent_of
from sidecar.model import Decision

Attribute = str | bool | int | float | tuple[str, ...]


class Span(Protocol):
    """Something that is going on."""

    @property
    def headers(self) -> Headers:
        """The trace context to pass on."""

    def set(self, name: str, value: Attribute) -> None:
        """Set an attribute."""

    def add_event(self, name: str, attributes: Mapping[str, Attribute]) -> None:
        """Add something that happened."""

    def end(self, *, name: str = "", error: str = "") -> None:
        """End it.

        Args:
            name: a better name than the one it began with.
            error: why it failed, a word of a closed set; empty where it did not.
        """


class Tracer(Protocol):
    """Begins spans."""

    def begin(
        self, name: str, *, is_client: bool, parent: tuple[str, str], attributes: Mapping[str, Attribute]
    ) -> Span | None:
        """Begin a span; None where it is not sampled.

        Args:
            name: low in cardinality.
            is_client: whether it stands for a call that is made, not one that is answered.
            parent: `traceparent` and `tracestate` of the caller; empty for none.
            attributes: known at the beginning.
        """

    def used(self, kind: Kind, model: str, usage: Usage, seconds: float) -> None:
        """Count what an answer used, in the metrics of the GenAI conventions."""


class ExchangeTrace:
    """The span of one exchange: what was decided about both directions, and what the answer used.

    Args:
        tracer: counts what answers used.
        span: of the exchange.
        path: of the request.
    """

    def __init__(self, tracer: Tracer, span: Span, path: str) -> None:
        self._tracer = tracer
        self._span = span
        self._facts = Facts(path)
        self._begin = time.monotonic()
        self._error = ""
        self.headers = span.headers

    def receive(self, event: Event) -> None:
        """Take the next part of the exchange."""
        self._facts.receive(event)

    def report(self, direction: str, schema: Schema, decision: Decision) -> None:
        """Take a decision."""
        self._span.add_event("portcullis.decision", decision_facts(decision, direction, schema.name))

    def act(self, action: Action) -> None:
        """Take what is done about a part of the exchange."""
        if isinstance(action, Reject):
            self._error = action.code
            self._span.set("http.response.status_code", action.status)

    def end(self, application: str = "") -> None:
        """End the span."""
        facts, usage = self._facts, self._facts.usage()
        kind = facts.kind
        self._span.set("gen_ai.operation.name", kind.operation)
        self._span.set("gen_ai.provider.name", kind.provider)
        if application:
            self._span.set("portcullis.application", application)
        if facts.model:
            self._span.set("gen_ai.request.model", facts.model)
        if facts.status:
            self._span.set("gen_ai.request.stream", facts.is_streamed)
            if not self._error:
                self._span.set("http.response.status_code", facts.status)
        if usage.prompt_tokens or usage.completion_tokens:
            self._span.set("gen_ai.usage.input_tokens", usage.prompt_tokens)
            self._span.set("gen_ai.usage.output_tokens", usage.completion_tokens)
            self._tracer.used(kind, facts.model, usage, time.monotonic() - self._begin)
        name = f"{kind.operation} {facts.model}" if facts.model else kind.operation
        self._span.end(name=name, error=self._error)


def begin_trace(tracer: Tracer, event: Event, call: Call | None = None) -> ExchangeTrace | None:
    """Begin the span of an exchange; None where it is not sampled.

    Args:
        tracer: begins it.
        event: the first of the exchange; its headers may name the trace that it belongs to.
        call: whose metadata may name it where the headers do not.
    """
    if not isinstance(event, HeadersEvent):
        return None
    parent = parent_of(event.get("traceparent"), event.get("tracestate"))
    if not parent[0] and call is not None:
        parent = parent_of(str(call.metadata.get("traceparent", "")), str(call.metadata.get("tracestate", "")))
    span = tracer.begin("exchange", is_client=True, parent=parent, attributes={})
    return ExchangeTrace(tracer, span, event.get(":path", "/")) if span is not None else None


def decision_facts(decision: Decision, direction: str, format_: str) -> dict[str, Attribute]:
    """Return what a trace may say of a decision."""
    facts: dict[str, Attribute] = {
        "portcullis.direction": direction,
        "portcullis.format": format_,
        "portcullis.verdict": decision.verdict.label,
        "portcullis.score": round(decision.score, 4),
        "portcullis.revision": decision.revision,
    }
    if decision.findings:
        facts["portcullis.rules"] = tuple(dict.fromkeys(finding.rule for finding in decision.findings))
    if decision.reason:
        facts["portcullis.reason"] = decision.reason
    return facts


def traced(method: Method, tracer: Tracer) -> Method:
    """Return a method whose calls have spans, by the conventions for gRPC servers."""

    def begin(call: Call) -> Span | None:
        metadata = call.metadata
        parent = parent_of(str(metadata.get("traceparent", "")), str(metadata.get("tracestate", "")))
        names = {"rpc.system": "grpc", "rpc.service": method.service, "rpc.method": method.path.rpartition("/")[2]}
        return tracer.begin(method.path[1:], is_client=False, parent=parent, attributes=names)

    def one(request: Any, call: Call) -> Any:
        span = begin(call)
        if span is None:
            return method.handler(request, call)
        try:
            answer = method.handler(request, call)
        except BaseException as error:
            _end(span, error)
            raise
        if isawaitable(answer):
            return _awaited(span, answer, method)
        _answered(span, answer, method)
        return answer

    async def each(request: Any, call: Call) -> AsyncIterator[Any]:
        span = begin(call)
        error: BaseException | None = None
        try:
            async for answer in method.handler(request, call):  # type: ignore[union-attr]
                yield answer
        except BaseException as raised:
            error = raised
            raise
        finally:
            if span is not None:
                _end(span, error)

    return replace(method, handler=each if method.shape.server_streams else one)


async def _awaited(span: Span, answer: Awaitable[Any], method: Method) -> Any:
    try:
        message = await answer
    except BaseException as error:
        _end(span, error)
        raise
    _answered(span, message, method)
    return message


_VERDICTS = {value: name.removeprefix("VERDICT_").lower() for name, value in pb.Verdict.items()}


def _answered(span: Span, answer: Any, method: Method) -> None:
    if isinstance(answer, bytes) and method.response_type is pb.CheckResponse:
        # Serialised already, for the wire; a span that is sampled looks inside.
        answer = pb.CheckResponse.FromString(answer)
    if isinstance(answer, pb.CheckResponse):
        span.set("portcullis.verdict", _VERDICTS[answer.verdict])
        span.set("portcullis.score", round(answer.score, 4))
        if answer.findings:
            span.set("portcullis.rules", tuple(dict.fromkeys(finding.rule for finding in answer.findings)))
    _end(span, None)


def _end(span: Span, error: BaseException | None) -> None:
    code = Status.OK if error is None else error.code if isinstance(error, RpcError) else Status.UNKNOWN
    span.set("rpc.grpc.status_code", int(code))
    span.end(error="" if error is None else code.name)
