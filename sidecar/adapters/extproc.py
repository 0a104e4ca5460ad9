"""Envoy's external processing: its messages to events, actions to its messages, and the stream between them."""

from __future__ import annotations

import functools
import itertools
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import msgspec

from sidecar.adapters._pb import external_processor_pb2 as pb
from sidecar.adapters.credentials import Guard
from sidecar.adapters.escort import Escort, Stopwatch, Timings
from sidecar.adapters.extproc_clean import prepared
from sidecar.adapters.extproc_exchange import Exchange, Reading
from sidecar.adapters.extproc_settings import settings_of, to_caller
from sidecar.adapters.rpc import Answer, Call, Method, RpcError, Shape, Status
from sidecar.adapters.tracing import ExchangeTrace, Tracer, begin_trace
from sidecar.core.api_errors import Fault
from sidecar.core.dispatch import Dispatch
from sidecar.core.entrance import Entrance
from sidecar.core.exchange import (
    Action,
    BodyEvent,
    Caller,
    Continue,
    Direction,
    Event,
    HeaderEdits,
    Headers,
    HeadersEvent,
    Modes,
    Reject,
    ReplaceBody,
    SendChunk,
    TrailersEvent,
)
from sidecar.core.filter import Filters
from sidecar.core.perimeter import Credentials
from sidecar.core.schemas import Schema
from sidecar.core.transaction import Transaction
from sidecar.core.upstreams import POOL_HEADER, Directory
from sidecar.model import Decision

Report = Callable[[Direction, Schema, Decision], None]

METHOD = "/envoy.service.ext_proc.v3.ExternalProcessor/Process"
# Names in the certificate of the HTTP client; Envoy sends them where its configuration lists them.
PEER_ATTRIBUTES = ("connection.uri_san_peer_certificate", "connection.dns_san_peer_certificate")

# Envoy's default `message_timeout` is 0.2 s. Configurations that raise it say so in this metadata of the gRPC stream.
DEADLINE_SECONDS = 0.15
# Streams stay open while the upstream thinks, so this counts waiting ones, too.
STREAM_LIMIT = 4096

_WIRE_MODES = (pb.NONE, pb.STREAMED, pb.BUFFERED, pb.BUFFERED_PARTIAL, pb.FULL_DUPLEX_STREAMED, pb.GRPC)
_REPLACE = pb.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD


# Messages in


def to_event(request: pb.ProcessingRequest) -> Event:
    """Turn a message of Envoy into an event.

    Raises:
        ValueError: it holds no part of an exchange.
    """
    kind = request.WhichOneof("request") or ""
    part = getattr(request, kind, None)
    direction, _, name = kind.partition("_")
    if part is None or direction not in ("request", "response"):
        raise ValueError("the message holds no part of an exchange")
    if name == "body":
        return BodyEvent(direction, part.body, part.end_of_stream)  # type: ignore[arg-type]
    if name == "trailers":
        return TrailersEvent(direction, _headers(part.trailers))  # type: ignore[arg-type]
    attributes = {key: str(item) for fields in request.attributes.values() for key, item in fields.items()}
    return HeadersEvent(direction, _headers(part.headers), part.end_of_stream, attributes)  # type: ignore[arg-type]


def _headers(headers: pb.HeaderMap) -> Headers:
    # Latin-1 gives every byte back; header text is ASCII where it matters here (RFC 9110, section 5.5).
    return tuple([(item.key.lower(), (item.raw_value.decode("latin-1") or item.value)) for item in headers.headers])


# Actions out


def to_response(action: Action) -> pb.ProcessingResponse:
    """Turn an action into Envoy's message."""
    response = _TABLE[type(action)](action)
    metadata = getattr(action, "metadata", None)
    if metadata:
        response.dynamic_metadata.update(metadata)
    return response


def _continue(action: Continue) -> pb.ProcessingResponse:
    mutation = _mutation(action.edits)
    if action.part == "trailers":
        return _response(action.direction, "trailers", pb.TrailersResponse(header_mutation=mutation))
    common = pb.CommonResponse(header_mutation=mutation, clear_route_cache=_chooses(action.edits))
    answer = pb.HeadersResponse if action.part == "headers" else pb.BodyResponse
    response = _response(action.direction, action.part, answer(response=common))
    if action.override is not None:
        response.mode_override.CopyFrom(_override(action.override))
    return response


def _response(direction: str, part: str, answer: Any) -> pb.ProcessingResponse:
    fields: dict[str, Any] = {f"{direction}_{part}": answer}
    return pb.ProcessingResponse(**fields)


def _override(modes: Modes) -> pb.ProcessingMode:
    return pb.ProcessingMode(
        request_body_mode=_WIRE_MODES[modes.request or 0],
        response_body_mode=_WIRE_MODES[modes.response or 0],
        request_trailer_mode=pb.SEND,
        response_trailer_mode=pb.SEND,
    )


def _replace_body(action: ReplaceBody) -> pb.ProcessingResponse:
    mutation = pb.BodyMutation(body=action.data) if action.data else pb.BodyMutation(clear_body=True)
    common = pb.CommonResponse(
        header_mutation=_mutation(action.edits), body_mutation=mutation, clear_route_cache=_chooses(action.edits)
    )
    return _response(action.direction, "body", pb.BodyResponse(response=common))


def _chooses(edits: HeaderEdits) -> bool:
    """Tell whether Envoy has to look for its route anew."""
    return any(name == POOL_HEADER for name, _ in edits.set)


def _send_chunk(action: SendChunk) -> pb.ProcessingResponse:
    chunk = pb.StreamedBodyResponse(body=action.data, end_of_stream=action.end)
    common = pb.CommonResponse(body_mutation=pb.BodyMutation(streamed_response=chunk))
    return _response(action.direction, "body", pb.BodyResponse(response=common))


def _reject(action: Reject) -> pb.ProcessingResponse:
    immediate = pb.ImmediateResponse(
        status=pb.HttpStatus(code=action.status),
        headers=_mutation(HeaderEdits(action.headers)),
        body=action.body,
        details=f"portcullis_{action.code}",
    )
    return pb.ProcessingResponse(immediate_response=immediate)


def _mutation(edits: HeaderEdits) -> pb.HeaderMutation | None:
    if not edits.set and not edits.remove:
        return None
    options = [
        pb.HeaderValueOption(header=pb.HeaderValue(key=name, raw_value=value.encode("latin-1")), append_action=_REPLACE)
        for name, value in edits.set
    ]
    return pb.HeaderMutation(set_headers=options, remove_headers=edits.remove)


_TABLE: dict[type, Callable[[Any], pb.ProcessingResponse]] = {
    Continue: _continue,
    ReplaceBody: _replace_body,
    SendChunk: _send_chunk,
    Reject: _reject,
}


class ExternalProcessor:
    """The service: one transaction for each stream.

    Args:
        snapshot: gives the snapshot of the moment; a stream keeps the one it began with.
        defaults: settings of every exchange where Envoy does not say them; see `read_settings`.
        report: called with the caller, the direction, the format and each decision.
        stream_limit: the most streams at once; the next one is answered with 503, as a gRPC error could fail open.
        guard: the perimeter for the HTTP clients behind Envoy; None: they are believed.
        refused: told why an exchange is refused where no rule, no policy and no perimeter did it.
        tracer: begins a span for each exchange that is sampled; None for none.
        directory: the upstreams among which Envoy is told to choose, by a header; None: its configuration says where.
        timings: told how long upstreams take.
    """

    def __init__(
        self,
        snapshot: Callable[[], Filters],
        defaults: Mapping[str, str] | None = None,
        report: Callable[[Caller, Direction, Schema, Decision], None] | None = None,
        *,
        stream_limit: int = STREAM_LIMIT,
        guard: Guard | None = None,
        refused: Callable[[str], None] | None = None,
        tracer: Tracer | None = None,
        directory: Directory | None = None,
        timings: Timings | None = None,
    ) -> None:
        self._tracer = tracer
        self._guard = guard
        self._directory = directory
        self._timings = timings
        self._refused = refused or _uncounted
        self._snapshot = snapshot
        self._defaults = defaults or {}
        self._report = report
        self._stream_limit = stream_limit
        self._streams = 0
        # Names exchanges of this process and of no other.
        self._prefix = secrets.token_hex(8)
        self._numbers = itertools.count(1)

    def methods(self) -> tuple[Method, ...]:
        """Return the method as a host serves it; exempt from the host's limit, as it has its own."""
        return (Method(METHOD, Shape.BIDI, pb.ProcessingRequest, pb.ProcessingResponse, self.process, is_exempt=True),)

    async def process(self, requests: AsyncIterator[pb.ProcessingRequest], call: Call) -> AsyncIterator[Answer]:
        """Judge one exchange.

        The stream ends only after Envoy's side has: a clean end before would let the exchange go on without us.

        Raises:
            EngineError: the exchange can neither go on nor be refused; the host ends the stream with an error.
            RpcError: Envoy's side ended in the middle of a request that nobody has judged.
        """
        reading = Reading(requests)
        self._streams += 1
        entrance: Entrance | None = None
        trace: ExchangeTrace | None = None
        try:
            first = await reading.next()
            if first is None:
                return  # Envoy ended the exchange before it began
            event = to_event(first)
            entrance = self._entrance(event) if self._guard else None
            trace = begin_trace(self._tracer, event) if self._tracer else None
            exchange, fault = self._open(first, event, call, entrance, trace)
            while True:
                actions = exchange.take(event, fault)
                if actions is None:
                    actions = await exchange.take_apart(event)
                for action in exchange.escort.after(event, actions):
                    yield prepared(action) or to_response(action)
                while await reading.is_late(exchange.transaction.patience):
                    self._refused(_SLOW_CLIENT.code)
                    for action in exchange.transaction.refuse(_SLOW_CLIENT, event):
                        yield prepared(action) or to_response(action)
                request = await reading.next()
                if request is None:
                    if exchange.transaction.is_undecided:
                        raise RpcError(Status.ABORTED, "the exchange ended before its request was judged")
                    return
                event = to_event(request)
                fault = exchange.escort.before(event)
        finally:
            self._streams -= 1
            await reading.close()
            if trace:
                trace.end(entrance.application if entrance else "")
            if entrance:
                entrance.close()

    def _open(
        self,
        first: pb.ProcessingRequest,
        event: Event,
        call: Call,
        entrance: Entrance | None,
        trace: ExchangeTrace | None,
    ) -> tuple[Exchange, Fault | None]:
        """Begin an exchange by what Envoy's configuration and the perimeter say of it; a fault is why it is refused."""
        fault = entrance.receive(event) if entrance else None
        if self._streams > self._stream_limit:
            fault = _OVERLOADED
            self._refused(fault.code)
        settings = settings_of(first, call.metadata, self._defaults)
        caller = to_caller(first, settings)
        if entrance:
            caller = msgspec.structs.replace(caller, application=entrance.application)
        if trace:
            trace.receive(event)
            caller = msgspec.structs.replace(caller, headers=trace.headers)
        transaction, escort = self._begin(caller, entrance, trace)
        exchange = Exchange(transaction, escort, float(settings.get("deadline", DEADLINE_SECONDS)))
        return exchange, fault or escort.choose(event)

    def _entrance(self, event: Event) -> Entrance:
        """Return the perimeter for the HTTP client: what it shows stands in its headers, its address in attributes."""
        assert self._guard is not None
        attributes = event.attributes if isinstance(event, HeadersEvent) else {}
        # Without the attribute nobody knows where a client comes from; a list of addresses then admits nobody.
        address = attributes.get("source.address") or "unknown"
        return Entrance(
            self._guard.gatekeeper,
            service="extproc",
            key_header=self._guard.key_header,
            # Envoy's own certificate would stand for every client behind it.
            credentials=Credentials(identities=_peer(attributes), address=address),
            on_usage=self._guard.on_usage,
            on_refusal=self._guard.refused,
            decoders=self._guard.decoders,
        )

    def _begin(
        self, caller: Caller, entrance: Entrance | None, trace: ExchangeTrace | None
    ) -> tuple[Transaction, Escort]:
        report: Report | None = functools.partial(self._report, caller) if self._report else None
        if trace:
            report = trace.report if report is None else _both(report, trace.report)
        filters = self._snapshot().filter
        escort = Escort(
            entrance,
            Dispatch(self._directory, caller.application, filters(caller.application, caller.route).lane)
            if self._directory
            else None,
            Stopwatch(self._timings) if self._timings else None,
            trace=trace,
            hidden=self._guard.key_header if self._guard else "",
        )
        return Transaction(filters, caller, exchange_id=f"{self._prefix}{next(self._numbers):x}", report=report), escort


_OVERLOADED = Fault(503, "overloaded", "The security filter is at its limit of open exchanges; try again.")
_SLOW_CLIENT = Fault(408, "request_timeout", "The request's body stopped arriving.")


def _both(*reports: Report) -> Report:
    def report(direction: Direction, schema: Schema, decision: Decision) -> None:
        for each in reports:
            each(direction, schema, decision)

    return report


def _peer(attributes: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names in the client's certificate, as Envoy verified it."""
    return tuple(attributes[name] for name in PEER_ATTRIBUTES if attributes.get(name))


def _uncounted(reason: str) -> None:
    del reason
