"""Envoy's external processing: its messages to events, actions to its messages, and the stream between them."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from sidecar.adapters._pb import external_processor_pb2 as pb
from sidecar.adapters.rpc import Method, Shape
from sidecar.core.exchange import (
    Action,
    BodyEvent,
    BodyMode,
    Caller,
    Continue,
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
from sidecar.core.transaction import Transaction

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from sidecar.adapters.rpc import Answer, Call, Metadata
    from sidecar.core.filter import Filters

METHOD = "/envoy.service.ext_proc.v3.ExternalProcessor/Process"

# gRPC metadata that Envoy's configuration may add (`grpc_service.initial_metadata`); never headers of the client.
APPLICATION_KEY = "x-sidecar-application"
ROUTE_KEY = "x-sidecar-route"

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
    return HeadersEvent(direction, _headers(part.headers), part.end_of_stream)  # type: ignore[arg-type]


def _headers(headers: pb.HeaderMap) -> Headers:
    # Latin-1 gives every byte back; header text is ASCII where it matters here (RFC 9110, section 5.5).
    return tuple((item.key.lower(), (item.raw_value.decode("latin-1") or item.value)) for item in headers.headers)


def to_caller(request: pb.ProcessingRequest, metadata: Metadata) -> Caller:
    """Read what Envoy's configuration says about the exchange from its first message and the stream's metadata."""
    modes = Modes()
    if request.HasField("protocol_config"):
        config = request.protocol_config
        modes = Modes(BodyMode(config.request_body_mode), BodyMode(config.response_body_mode))
    return Caller(
        application=str(metadata.get(APPLICATION_KEY, "")),
        route=str(metadata.get(ROUTE_KEY, "")),
        modes=modes,
        observe=request.observability_mode,
    )


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
    common = pb.CommonResponse(header_mutation=mutation)
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
    common = pb.CommonResponse(header_mutation=_mutation(action.edits), body_mutation=mutation)
    return _response(action.direction, "body", pb.BodyResponse(response=common))


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
    """

    def __init__(self, snapshot: Callable[[], Filters]) -> None:
        self._snapshot = snapshot

    def methods(self) -> tuple[Method, ...]:
        """Return the method as a host serves it."""
        return (Method(METHOD, Shape.BIDI, pb.ProcessingRequest, pb.ProcessingResponse, self.process),)

    async def process(self, requests: AsyncIterator[pb.ProcessingRequest], call: Call) -> AsyncIterator[Answer]:
        """Judge one exchange.

        The stream ends only after Envoy's side has: a clean end before would let the exchange go on without us.
        """
        transaction: Transaction | None = None
        snapshot = self._snapshot()
        async for request in requests:
            if transaction is None:
                caller = to_caller(request, call.metadata)
                transaction = Transaction(snapshot.filter, caller, exchange_id=secrets.token_hex(8))
            for action in _answer(transaction, to_event(request)):
                yield to_response(action)


def _answer(transaction: Transaction, event: Event) -> list[Action]:
    try:
        return transaction.receive(event)
    except Exception as error:  # noqa: BLE001 - ours; the transaction's failure policy decides
        return transaction.fail(error, event)
