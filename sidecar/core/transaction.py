"""One HTTP exchange, phase by phase: event in, actions out; this table is the only place where phases are sequenced.

A transaction never raises for bad input: it answers `Reject`. What it raises is our fault; the host hands that to
`fail`, the one place where the failure policy of the exchange is met.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from sidecar.core import api_errors, body_format, refusal
from sidecar.core.answer_stream import AnswerStream
from sidecar.core.api_errors import Fault
from sidecar.core.coding import IDENTITY, decode
from sidecar.core.exchange import (
    Action,
    BodyEvent,
    BodyMode,
    Caller,
    Continue,
    Direction,
    Event,
    HeaderEdits,
    HeadersEvent,
    Metadata,
    Modes,
    Reject,
    TrailersEvent,
)
from sidecar.core.filter import Filter
from sidecar.core.lookout import NOTHING, Lookout
from sidecar.core.modes import safe_modes, unsafe_mode
from sidecar.core.schemas import Schema, request_schema
from sidecar.core.side import Phase, Side
from sidecar.errors import BodyTooLarge, EngineError, InputError, MalformedBody, UnsupportedContent
from sidecar.model import Decision, Verdict

# Requests to it never reach the upstream: they are answered with what reached us.
SELFTEST_PATH: Final = "/.portcullis/selftest"
# Clients must not speak to us through headers that the host's own configuration uses.
_CONTROL_PREFIX = "x-sidecar-"
# Where an application says which conversation a request belongs to; pseudonyms stay the same within one.
CONVERSATION_HEADER: Final = "x-conversation-id"
# A client that sends nothing of its body for so long is slow on purpose or gone.
BODY_IDLE_SECONDS: Final = 30.0


class Transaction:
    """Judges one exchange.

    Args:
        filters: gives the filter of an application and route.
        caller: what the host's configuration says about the exchange.
        exchange_id: names the exchange in decisions.
        report: called with the direction, the format and each decision; for audit and metrics.
    """

    def __init__(
        self,
        filters: Callable[[str, str], Filter],
        caller: Caller,
        *,
        exchange_id: str = "",
        report: Callable[[Direction, Schema, Decision], None] | None = None,
    ) -> None:
        self._filters = filters
        self._caller = caller
        self._report = report
        # Known from the first headers on; every other step comes after them.
        self._filter: Filter
        self._path = ""
        # What the request gave to look for in its answer.
        self._recall: Lookout = NOTHING
        self._request = Side("request", caller.modes.request)
        self._response = Side("response", caller.modes.response)
        for side in (self._request, self._response):
            side.decision_id = f"{exchange_id}.{side.direction}" if exchange_id else ""
        self._ended = False

    def receive(self, event: Event) -> list[Action]:
        """Take the next part of the exchange.

        Args:
            event: what the host sent.

        Returns:
            What the host is to do, in order. Nothing where it watches only, or where more of the body is needed.
        """
        if self._ended:
            return []
        side = self._request if event.direction == "request" else self._response
        step = _STEPS.get((side.phase, type(event)), Transaction._out_of_order)
        try:
            actions = step(self, side, event)
        except InputError as error:
            actions = self._unreadable(side, event, error)
        self._ended = Reject in map(type, actions)
        return [] if self._caller.observe else actions

    def fail(self, error: Exception, event: Event) -> list[Action]:
        """Meet our own failure: the message passes where the policy says `open`, else it is refused.

        Args:
            error: what was raised while `event` was taken.
            event: the part of the exchange that is not answered yet.

        Raises:
            EngineError: it cannot be refused in any way; the host must break the exchange off.
        """
        side = self._request if event.direction == "request" else self._response
        ours = error if isinstance(error, EngineError) else EngineError()
        decision = self._note(side, ours)
        if self._caller.observe:
            return []
        if decision.verdict is Verdict.ALLOW:
            return self._pass(side, event)
        fault = Fault(ours.http_status, ours.code, "The security filter failed; the message was not let through.")
        return self.refuse(fault, event)

    def refuse(self, fault: Fault, event: Event) -> list[Action]:
        """Refuse the exchange for a reason of the host's own, such as load, a quota or a slow client.

        Args:
            fault: why.
            event: the part of the exchange that is not answered yet.

        Raises:
            EngineError: it cannot be refused in any way; the host must break the exchange off.
        """
        side = self._request if event.direction == "request" else self._response
        if not side.has_begun:
            self._ended = True
            path = event.get(":path") if isinstance(event, HeadersEvent) else ""
            return [refusal.reject(self._path or path, fault)]
        side.phase = Phase.DONE
        if isinstance(event, TrailersEvent):
            raise EngineError("the answer has begun and cannot be inspected any further")
        message = side.stream.refuse(fault) if side.stream else b""
        return side.release(message, end=True)

    def _note(self, side: Side, error: EngineError) -> Decision:
        """Have a failure of ours counted and recorded; nothing passes before an exchange has a filter."""
        if side.phase is Phase.HEADERS:
            check = self._filters(self._caller.application, self._caller.route)
            decision = msgspec.structs.replace(check.fail(error, side.direction), verdict=Verdict.BLOCK)
        else:
            check, decision = self._filter, self._filter.fail(error, side.direction)
        schema_name, begin = request_schema(self._path).name, check.clock()
        return check.record(decision, b"", direction=side.direction, schema_name=schema_name, begin=begin)[0]

    def load(self, event: Event) -> int:
        """Return how many bytes may have to be inspected before `event` can be answered."""
        side = self._request if event.direction == "request" else self._response
        return len(side.held) + (len(event.data) if isinstance(event, BodyEvent) else 0)

    @property
    def waits(self) -> bool:
        """Whether inspecting may wait for another process; a host then takes events in a thread."""
        has_begun = self._request.phase is not Phase.HEADERS or self._response.phase is not Phase.HEADERS
        return has_begun and self._filter.lane.waits

    @property
    def is_undecided(self) -> bool:
        """Whether a request's body is coming that has been neither judged nor let through on purpose."""
        side = self._request
        return side.phase is Phase.BODY and not (side.watching or side.passing or self._ended)

    @property
    def patience(self) -> float | None:
        """How many seconds the host should wait for the next part before it refuses with 408; None: for ever."""
        side = self._request
        waits = side.phase is Phase.BODY and side.mode is BodyMode.FULL_DUPLEX and not self._ended
        return BODY_IDLE_SECONDS if waits else None

    # Headers

    def _headers(self, side: Side, event: Event) -> list[Action]:
        assert isinstance(event, HeadersEvent)
        if side.direction == "request" or self._request.phase is Phase.HEADERS:
            self._path = event.get(":path", "/")
            route = self._caller.route or self._path.partition("?")[0]
            self._filter = self._filters(self._caller.application, route).of_exchange(event.get(CONVERSATION_HEADER))
            self._request.watching = self._response.watching = self._caller.observe or not self._filter.lane.enforced
        side.headers = event
        side.phase = Phase.DONE if event.end else Phase.BODY
        return (
            self._request_headers(side, event) if side.direction == "request" else self._response_headers(side, event)
        )

    def _request_headers(self, side: Side, event: HeadersEvent) -> list[Action]:
        if event.get(":method") == "CONNECT" or event.get("upgrade"):
            return [self._reject(501, "unsupported_upgrade", "Upgraded connections are not inspected here.")]
        removed = event.starting(_CONTROL_PREFIX)
        # A compressed answer would have to be inflated chunk by chunk; every server can answer without coding.
        accepted = (("accept-encoding", "identity"),) if event.get("accept-encoding") else ()
        if accepted or removed or self._caller.headers:
            side.edits = HeaderEdits((*accepted, *self._caller.headers), removed)
        if refused := self._choose_modes(has_body=not event.end):
            return refused
        if event.end and self._path == SELFTEST_PATH:
            return self._probe(side, b"")
        if event.end:
            body_format.require_body(event, self._path)
            return [side.continue_headers()]
        side.coding = body_format.require_readable(event, self._filter.lane)
        return self._await_body(side)

    def _choose_modes(self, *, has_body: bool) -> list[Action]:
        """Refuse modes in which a block would come too late, or ask for others where the host obeys."""
        unsafe = None if self._request.watching else unsafe_mode(self._caller, self._filter.lane, has_body=has_body)
        if unsafe is None:
            return []
        if not self._caller.overridable:
            message = f"Envoy's body mode {unsafe.name} lets text pass that check has judged; use BUFFERED."
            return [self._reject(500, "mode_unsafe", message)]
        self._request.override = modes = safe_modes(self._caller.modes)
        self._request.mode, self._response.mode = modes.request, modes.response
        return []

    def _response_headers(self, side: Side, event: HeadersEvent) -> list[Action]:
        if self._request.phase is not Phase.DONE and not self._request.watching and not event.is_local:
            return [self._reject(502, "request_unseen", "The request was answered before it could be inspected.")]
        if event.end:
            return [side.continue_headers()]
        if not self._filter.lane.guards("response") or not self._caller.guard_response:
            return self._pass(side, event)
        side.coding = body_format.require_readable(event, self._filter.lane)
        self._open_stream(side, event)
        return self._await_body(side)

    def _open_stream(self, side: Side, event: HeadersEvent) -> None:
        """Guard server-sent events as they come; a host that would buffer them is asked to stream."""
        side.stream = self._filter.open_stream(self._path, event.get("content-type"), self._recall)
        if side.coding != IDENTITY and (side.stream is not None or side.mode is BodyMode.STREAMED):
            raise UnsupportedContent("a streamed answer has a content coding, though none was asked for")
        if side.stream is not None and side.mode is BodyMode.BUFFERED and self._caller.overridable:
            side.mode = BodyMode.FULL_DUPLEX
            side.override = Modes(self._request.mode, side.mode)

    def _await_body(self, side: Side) -> list[Action]:
        if side.mode is BodyMode.FULL_DUPLEX and side.override is None and not side.watching:
            side.owes_headers = True
            return []
        return [side.continue_headers()]

    # Bodies

    def _body(self, side: Side, event: Event) -> list[Action]:
        assert isinstance(event, BodyEvent)
        if side.passing:
            return self._pass(side, event)
        if side.stream is not None:
            return self._streamed(side, event)
        if not side.in_pieces:
            side.phase = Phase.DONE
            return self._whole(side, event.data)
        side.held += event.data
        if len(side.held) > self._filter.lane.body_limit:
            raise BodyTooLarge(f"more than the {self._filter.lane.body_limit} bytes that the policy allows")
        if not event.end:
            return side.keep(event.data)
        side.phase = Phase.DONE
        return self._whole(side, bytes(side.held), last=event.data)

    def _whole(self, side: Side, data: bytes, last: bytes = b"") -> list[Action]:
        """Judge a complete body and answer its last event."""
        if self._path == SELFTEST_PATH:
            return self._probe(side, data)
        decision, body, metadata = self._judge(side, data)
        if side.watching:
            if side.mode is BodyMode.FULL_DUPLEX:
                return side.release(last, end=True, metadata=metadata)
            return [Continue(side.direction, "body", metadata=metadata)]
        if decision.verdict is Verdict.BLOCK:
            return self._block(side, decision, metadata)
        if side.in_pieces:
            return side.release(body, end=True, metadata=metadata)
        if body is data:
            return [Continue(side.direction, "body", metadata=metadata)]
        return side.replace(body, metadata)

    def _judge(self, side: Side, data: bytes) -> tuple[Decision, bytes, Metadata]:
        if (declared := side.declared) is not None and len(data) != declared:
            raise MalformedBody(f"{len(data)} bytes came where content-length promises {declared}")
        schema = body_format.body_schema(side.direction, self._path, side.headers)
        lane = self._filter.lane
        plain = decode(data, side.coding, lane.decoders, limit=lane.body_limit)
        outcome = self._filter.check_body(plain, schema, side.direction, self._recall)
        if side.direction == "request":
            self._recall = outcome.recall
        side.decision_id = outcome.id or side.decision_id
        metadata = self._publish(side, schema, outcome.decision)
        if outcome.body == plain:
            return outcome.decision, data, metadata
        side.drop_coding()
        return outcome.decision, outcome.body, metadata

    def _block(self, side: Side, decision: Decision, metadata: Metadata) -> list[Action]:
        fault = refusal.explain(decision, direction=side.direction, decision_id=side.decision_id)
        if not side.has_begun:
            return [refusal.reject(self._path, fault, metadata)]
        # STREAMED: the status has left, the body is ours to replace.
        return side.release(api_errors.error_body(request_schema(self._path).name, fault), end=True, metadata=metadata)

    def _streamed(self, side: Side, event: BodyEvent) -> list[Action]:
        """Feed a chunk to the guard and answer with what it releases."""
        stream = side.stream
        assert stream is not None
        data = stream.receive(event.data)
        ended = event.end or not side.in_pieces
        if ended and not stream.stopped:
            data += stream.finish()
        metadata = None
        if ended or stream.stopped:
            side.phase = Phase.DONE
            metadata, data = self._conclude(side, stream, data)
        if side.watching:
            return self._pass(side, event, metadata)
        if stream.stopped and not side.has_begun:
            return self._block(side, stream.decision, metadata)
        if side.in_pieces:
            return side.release(data, end=side.phase is Phase.DONE, metadata=metadata)
        return side.replace(data, metadata)

    def _conclude(self, side: Side, stream: AnswerStream, data: bytes) -> tuple[Metadata, bytes]:
        """Have the decision over a streamed answer recorded; return what is said of it, and the last bytes."""
        side.decision_id = stream.conclude() or side.decision_id
        if stream.is_unrecorded:
            data = stream.refuse(refusal.explain(stream.decision, direction="response", decision_id=side.decision_id))
        return self._publish(side, stream.schema, stream.decision), data

    # Trailers

    def _trailers(self, side: Side, event: Event) -> list[Action]:
        """Judge what is held: a body may end with trailers and no `end` of its own. Trailers never go on."""
        assert isinstance(event, TrailersEvent)
        if side.passing:
            return self._pass(side, event)
        actions = self._end_before_trailers(side) if side.phase is Phase.BODY else []
        side.phase = Phase.DONE
        if any(isinstance(action, Reject) for action in actions):
            return actions
        names = () if side.watching else tuple(dict.fromkeys(name for name, _ in event.headers))
        return [*actions, Continue(side.direction, "trailers", HeaderEdits(remove=names))]

    def _end_before_trailers(self, side: Side) -> list[Action]:
        if side.stream is not None:
            data = side.stream.finish()
            metadata, data = self._conclude(side, side.stream, data)
            if side.stream.stopped and not side.has_begun:
                return self._block(side, side.stream.decision, metadata)
        elif not side.in_pieces:
            return []  # trailers without a body
        elif self._path == SELFTEST_PATH:
            return self._probe(side, bytes(side.held))
        else:
            decision, data, metadata = self._judge(side, bytes(side.held))
            if decision.verdict is Verdict.BLOCK and not side.watching:
                return self._block(side, decision, metadata)
        return [] if side.watching else side.release_before_trailers(data, metadata)

    # Endings

    def _repeated(self, side: Side, event: Event) -> list[Action]:
        """Tolerate what comes after the end: envoy#46237 sends the last chunk twice; nothing of it may go on."""
        assert isinstance(event, BodyEvent)
        if side.passing or side.watching:
            return self._pass(side, event)
        return [] if side.mode is BodyMode.FULL_DUPLEX else side.release(b"", end=event.end)

    def _out_of_order(self, side: Side, event: Event) -> list[Action]:
        del event
        return [self._reject(500, "out_of_order", f"The {side.direction} came in parts out of order.")]

    def _pass(self, side: Side, event: Event, metadata: Metadata = None) -> list[Action]:
        """Let a part go on as it is: it is only watched, cannot be read, or we failed, and the policy lets it."""
        side.passing = side.passing or side.stream is None or not side.watching
        if isinstance(event, HeadersEvent):
            return [side.continue_headers()]
        # Held bytes include the event's own, as holding comes before everything that can fail; watched ones have gone on.
        data = event.data if isinstance(event, BodyEvent) else b""
        data = data if side.watching else bytes(side.held) or data
        side.held.clear()
        if isinstance(event, TrailersEvent):
            return [*side.release_before_trailers(data), Continue(side.direction, "trailers")]
        if side.mode is not BodyMode.FULL_DUPLEX:
            return [Continue(side.direction, "body", metadata=metadata)]
        return side.release(data, end=event.end, metadata=metadata)

    def _unreadable(self, side: Side, event: Event, error: InputError) -> list[Action]:
        schema = Schema(name=request_schema(self._path).name)
        decision, id_ = self._filter.refuse_unread(error, direction=side.direction, schema_name=schema.name)
        side.decision_id = id_ or side.decision_id
        metadata = self._publish(side, schema, decision)
        if decision.verdict is Verdict.BLOCK and not side.watching:
            return self._block(side, decision, metadata)
        return self._pass(side, event, metadata)

    def _probe(self, side: Side, data: bytes) -> list[Action]:
        return [refusal.probe_report(bytes_seen=len(data), mode=side.mode, overridable=self._caller.overridable)]

    def _publish(self, side: Side, schema: Schema, decision: Decision) -> Metadata:
        if self._report is not None:
            self._report(side.direction, schema, decision)
        return refusal.publish(
            decision,
            direction=side.direction,
            format_=schema.name,
            decision_id=side.decision_id,
            shadow=side.watching,
        )

    def _reject(self, status: int, code: str, message: str) -> Reject:
        return refusal.reject(self._path, Fault(status, code, message))


# The state table: what may come in each phase, and what it leads to. Everything else is out of order.
_STEPS: dict[tuple[Phase, type], Callable[[Transaction, Side, Event], list[Action]]] = {
    (Phase.HEADERS, HeadersEvent): Transaction._headers,  # noqa: SLF001 - the table of the class above
    (Phase.BODY, BodyEvent): Transaction._body,  # noqa: SLF001
    (Phase.BODY, TrailersEvent): Transaction._trailers,  # noqa: SLF001
    (Phase.DONE, BodyEvent): Transaction._repeated,  # noqa: SLF001
    (Phase.DONE, TrailersEvent): Transaction._trailers,  # noqa: SLF001
}
