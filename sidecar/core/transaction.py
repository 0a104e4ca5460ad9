"""One HTTP exchange, phase by phase: event in, actions out; this table is the only place where phases are sequenced.

A transaction never raises for bad input: it answers `Reject`. What it raises is our fault; the host hands that to
`fail`, the one place where the failure policy of the exchange is met.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, Final

from sidecar.core import api_errors, body_format
from sidecar.core.engine import Outcome
from sidecar.core.exchange import (
    NO_EDITS,
    Action,
    BodyEvent,
    BodyMode,
    Caller,
    Continue,
    Event,
    HeaderEdits,
    HeadersEvent,
    Modes,
    Reject,
    ReplaceBody,
    SendChunk,
    TrailersEvent,
)
from sidecar.core.schemas import Schema, request_schema
from sidecar.errors import BodyTooLarge, EngineError, InputError, MalformedBody
from sidecar.model import Decision, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from sidecar.core.exchange import Direction, Metadata
    from sidecar.core.filter import Filter

# Envoy recommends at most 64 KiB for each chunk; the rest is room for framing.
CHUNK_LIMIT: Final = 62_000
# Where hosts publish what was decided.
METADATA_NAMESPACE: Final = "portcullis"
# Clients must not speak to us through headers that the host's own configuration uses.
_CONTROL_PREFIX = "x-sidecar-"
_RULES_PUBLISHED = 20


class Phase(enum.Enum):
    """How far one direction of an exchange is."""

    HEADERS = "headers"
    BODY = "body"
    DONE = "done"


class Side:
    """What is known of one direction."""

    def __init__(self, direction: Direction, mode: BodyMode | None) -> None:
        self.direction: Direction = direction
        self.mode = mode
        self.phase = Phase.HEADERS
        self.headers = HeadersEvent(direction, ())
        self.held = bytearray()
        self.owes_headers = False
        self.edits = NO_EDITS
        self.passing = False

    @property
    def released(self) -> bool:
        """Whether the answer's status has left, so that a refusal can have none."""
        held = self.phase is Phase.HEADERS or self.owes_headers or self.mode is BodyMode.BUFFERED
        return self.direction == "response" and not held

    @property
    def declared(self) -> int | None:
        """The length that the headers promise, in bytes."""
        value = self.headers.get("content-length")
        return int(value) if value.isdecimal() else None


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
        self._exchange_id = exchange_id
        self._report = report
        self._filter: Filter | None = None
        self._path = ""
        self._sides = {
            "request": Side("request", caller.modes.request),
            "response": Side("response", caller.modes.response),
        }
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
        side = self._sides[event.direction]
        step = _STEPS.get((side.phase, type(event)), Transaction._out_of_order)
        try:
            actions = step(self, side, event)
        except InputError as error:
            actions = self._unreadable(side, event, error)
        if any(isinstance(action, Reject) for action in actions):
            self._ended = True
        return [] if self._caller.observe else actions

    def fail(self, error: Exception, event: Event) -> list[Action]:
        """Meet our own failure: the message passes where the policy says `open`, else it is refused.

        Args:
            error: what was raised while `event` was taken.
            event: the part of the exchange that is not answered yet.

        Raises:
            EngineError: it cannot be refused any more, as the answer has begun; the host must break the exchange off.
        """
        side = self._sides[event.direction]
        if self._filter is not None and side.direction in self._filter.lane.fail_open:
            return self._pass(side, event)
        self._ended = True
        status = error.http_status if isinstance(error, EngineError) else EngineError.http_status
        code = error.code if isinstance(error, EngineError) else EngineError.code
        if side.released:
            raise EngineError("the answer has begun and cannot be inspected any further") from error
        fault = api_errors.Fault(status, code, "The security filter failed; the message was not let through.")
        return [self._reject(fault)]

    # Headers

    def _request_headers(self, event: HeadersEvent) -> list[Action]:
        side = self._sides["request"]
        self._path = event.get(":path", "/")
        self._filter = self._filters(self._caller.application, self._caller.route or self._path.split("?", 1)[0])
        if event.get(":method") == "CONNECT" or event.get("upgrade"):
            fault = api_errors.Fault(501, "unsupported_upgrade", "Upgraded connections are not inspected here.")
            return [self._reject(fault)]
        removed = tuple(dict.fromkeys(name for name, _ in event.headers if name.startswith(_CONTROL_PREFIX)))
        # A compressed answer would have to be inflated chunk by chunk; every server can answer without coding.
        accepted = (("accept-encoding", "identity"),) if event.get("accept-encoding") else ()
        side.edits = HeaderEdits(accepted, removed)
        if event.end:
            return [self._continue_headers(side)]
        body_format.require_identity(event.all("content-encoding"))
        self._require_length(side)
        return self._await_body(side)

    def _response_headers(self, event: HeadersEvent) -> list[Action]:
        side = self._sides["response"]
        request = self._sides["request"]
        if self._filter is None:
            self._filter = self._filters(self._caller.application, self._caller.route)
        if request.phase is not Phase.DONE and not self._is_local(event):
            fault = api_errors.Fault(502, "request_unseen", "The request was answered before it could be inspected.")
            return [self._reject(fault)]
        if event.end:
            return [self._continue_headers(side)]
        body_format.require_identity(event.all("content-encoding"))
        self._require_length(side)
        return self._await_body(side)

    def _headers(self, side: Side, event: Event) -> list[Action]:
        assert isinstance(event, HeadersEvent)
        side.headers = event
        side.phase = Phase.DONE if event.end else Phase.BODY
        return self._request_headers(event) if side.direction == "request" else self._response_headers(event)

    def _is_local(self, event: HeadersEvent) -> bool:
        """Say whether an answer comes from the host itself: by its own word where it gives it, else by the status."""
        details = self._caller.attributes.get("response.code_details", "")
        return details != "via_upstream" if details else event.get(":status", "200") >= "400"

    def _require_length(self, side: Side) -> None:
        values = set(side.headers.all("content-length"))
        if len(values) > 1 or any(not value.isdecimal() for value in values):
            raise MalformedBody("the header content-length is not one number")
        assert self._filter is not None
        if side.declared is not None and side.declared > self._filter.lane.body_limit:
            raise BodyTooLarge(f"{side.declared} bytes where the policy allows {self._filter.lane.body_limit}")

    def _await_body(self, side: Side) -> list[Action]:
        if side.mode is BodyMode.FULL_DUPLEX:
            side.owes_headers = True  # kept until the body is judged, so that a refusal can still have its status
            return []
        return [self._continue_headers(side)]

    def _continue_headers(self, side: Side, override: Modes | None = None) -> Continue:
        side.owes_headers = False
        return Continue(side.direction, "headers", side.edits, override)

    # Bodies

    def _body(self, side: Side, event: Event) -> list[Action]:
        assert isinstance(event, BodyEvent)
        if side.passing:
            return self._pass(side, event)
        if side.mode is BodyMode.FULL_DUPLEX:
            return self._duplex(side, event)
        side.phase = Phase.DONE
        return self._whole(side, event.data, answers="body")

    def _duplex(self, side: Side, event: BodyEvent) -> list[Action]:
        side.held += event.data
        assert self._filter is not None
        if len(side.held) > self._filter.lane.body_limit:
            raise BodyTooLarge(f"more than the {self._filter.lane.body_limit} bytes that the policy allows")
        if not event.end:
            return []
        side.phase = Phase.DONE
        return self._whole(side, bytes(side.held), answers="chunks", end=True)

    def _whole(self, side: Side, data: bytes, *, answers: str, end: bool = False) -> list[Action]:
        """Judge a complete body and answer with it, or with a refusal."""
        if side.declared is not None and len(data) != side.declared:
            raise MalformedBody(f"{len(data)} bytes came where content-length promises {side.declared}")
        assert self._filter is not None
        schema = body_format.body_schema(side.direction, self._path, side.headers.all("content-type"), data[:64])
        outcome = self._filter.check_body(data, schema, side.direction)
        return self._obey(side, schema, outcome, data, answers=answers, end=end)

    def _obey(
        self, side: Side, schema: Schema, outcome: Outcome, data: bytes, *, answers: str, end: bool
    ) -> list[Action]:
        decision = outcome.decision
        metadata = self._publish(side, schema, decision)
        if decision.verdict is Verdict.BLOCK:
            return [self._reject(self._fault(side, decision), metadata)]
        if answers == "chunks":
            return [*self._owed(side), *_chunks(side.direction, outcome.body, end=end, metadata=metadata)]
        if outcome.body is data or outcome.body == data:
            return [Continue(side.direction, "body", metadata=metadata)]
        length = ((("content-length", str(len(outcome.body))),)) if side.declared is not None else ()
        return [ReplaceBody(side.direction, outcome.body, HeaderEdits(length), metadata)]

    def _owed(self, side: Side) -> list[Action]:
        return [self._continue_headers(side)] if side.owes_headers else []

    # Trailers

    def _trailers(self, side: Side, event: Event) -> list[Action]:
        """Judge what is held: a body may end with trailers and no `end` of its own. Trailers never go on."""
        actions: list[Action] = []
        if side.phase is Phase.BODY and side.mode is BodyMode.FULL_DUPLEX and not side.passing:
            side.phase = Phase.DONE
            actions = self._whole(side, bytes(side.held), answers="chunks")
        side.phase = Phase.DONE
        if any(isinstance(action, Reject) for action in actions):
            return actions
        return [*actions, Continue(side.direction, "trailers", HeaderEdits(remove=_names(event)))]

    # Endings

    def _repeated(self, side: Side, event: Event) -> list[Action]:
        """Tolerate what comes after the end: envoy#46237 sends the last chunk twice; nothing of it may go on."""
        assert isinstance(event, BodyEvent)
        if side.mode is BodyMode.FULL_DUPLEX:
            return []
        return [ReplaceBody(side.direction, b"")]

    def _out_of_order(self, side: Side, event: Event) -> list[Action]:
        del event
        code = "out_of_order"
        fault = api_errors.Fault(500, code, f"The {side.direction} reached the security filter in parts out of order.")
        return [self._reject(fault)]

    def _pass(self, side: Side, event: Event) -> list[Action]:
        """Let a part go on unseen, because the policy says so: what cannot be read, or our own failure."""
        side.passing = True
        if isinstance(event, HeadersEvent):
            return [self._continue_headers(side)]
        # Held bytes include the event's own, as holding comes before everything that can fail.
        data = bytes(side.held) or (event.data if isinstance(event, BodyEvent) else b"")
        side.held.clear()
        if isinstance(event, TrailersEvent):
            chunks = _chunks(side.direction, data, end=False) if data else []
            return [*self._owed(side), *chunks, Continue(side.direction, "trailers")]
        if side.mode is not BodyMode.FULL_DUPLEX:
            return [Continue(side.direction, "body")]
        return [*self._owed(side), *_chunks(side.direction, data, end=event.end)]

    def _unreadable(self, side: Side, event: Event, error: InputError) -> list[Action]:
        assert self._filter is not None
        decision = self._filter.refuse(error)
        schema = Schema(name=request_schema(self._path).name)
        metadata = self._publish(side, schema, decision)
        if decision.verdict is Verdict.BLOCK:
            return [self._reject(self._fault(side, decision), metadata)]
        return self._pass(side, event)

    def _fault(self, side: Side, decision: Decision) -> api_errors.Fault:
        if not decision.reason:
            return api_errors.blocked(decision, direction=side.direction, decision_id=self._decision_id(side))
        status = decision.http_status
        if side.direction == "response" and status < 500:  # the caller did nothing wrong
            status = 502
        what = "request" if side.direction == "request" else "answer"
        message = f"The {what} was refused by the security filter: {decision.detail}."
        return api_errors.Fault(status, decision.reason, message, decision_id=self._decision_id(side))

    def _decision_id(self, side: Side) -> str:
        return f"{self._exchange_id}.{side.direction}" if self._exchange_id else ""

    def _publish(self, side: Side, schema: Schema, decision: Decision) -> Metadata:
        if self._report is not None:
            self._report(side.direction, schema, decision)
        facts: dict[str, Any] = {
            "verdict": decision.verdict.label,
            "score": decision.score,
            "rules": list(dict.fromkeys(finding.rule for finding in decision.findings))[:_RULES_PUBLISHED],
            "revision": decision.revision,
            "decision_id": self._decision_id(side),
            "format": schema.name,
        }
        if decision.reason:
            facts["reason"] = decision.reason
        return {METADATA_NAMESPACE: {side.direction: facts}}

    def _reject(self, fault: api_errors.Fault, metadata: Metadata = None) -> Reject:
        body = api_errors.error_body(request_schema(self._path).name, fault)
        headers = [("content-type", "application/json"), ("x-sidecar-code", fault.code)]
        if fault.decision_id:
            headers.append(("x-sidecar-decision-id", fault.decision_id))
        return Reject(fault.status, fault.code, body, tuple(headers), metadata)


def _names(event: Event) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name, _ in event.headers)) if isinstance(event, TrailersEvent) else ()


def _chunks(direction: Direction, data: bytes, *, end: bool, metadata: Metadata = None) -> list[Action]:
    """Cut bytes into chunks that Envoy likes; the first one carries the metadata, the last one ends the body."""
    cuts = range(0, len(data), CHUNK_LIMIT) or range(1)
    last = cuts[-1]
    return [
        SendChunk(direction, data[cut : cut + CHUNK_LIMIT], end and cut == last, metadata if cut == 0 else None)
        for cut in cuts
    ]


# The state table: what may come in each phase, and what it leads to. Everything else is out of order.
_STEPS: dict[tuple[Phase, type], Callable[[Transaction, Side, Event], list[Action]]] = {
    (Phase.HEADERS, HeadersEvent): Transaction._headers,  # noqa: SLF001 - the table of the class above
    (Phase.BODY, BodyEvent): Transaction._body,  # noqa: SLF001
    (Phase.BODY, TrailersEvent): Transaction._trailers,  # noqa: SLF001
    (Phase.DONE, BodyEvent): Transaction._repeated,  # noqa: SLF001
    (Phase.DONE, TrailersEvent): Transaction._trailers,  # noqa: SLF001
}
