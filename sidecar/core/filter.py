"""What every adapter calls: an engine under one lane, with limits and the failure policy applied in this one place."""

from __future__ import annotations

from typing import Protocol

import msgspec

from sidecar.core.answer_stream import AnswerStream
from sidecar.core.dialects import dialect_for
from sidecar.core.engine import Engine, Lane, Outcome
from sidecar.core.guard import OutputGuard
from sidecar.core.lookout import NOTHING, Lookout
from sidecar.core.media import parse_content_type
from sidecar.core.pseudonyms import Pseudonyms
from sidecar.core.schemas import Schema, own_format, request_schema, response_schema
from sidecar.core.splice import apply_edits
from sidecar.core.stages import Mark, unmarked
from sidecar.core.turns import Turns
from sidecar.core.verdicts import Verdicts
from sidecar.errors import BodyTooLarge, EngineError, InputError
from sidecar.model import TARGETS, Decision, Segment, Verdict

# The rule named where a length limit was passed.
LIMIT_RULE = "limits.exceeded"
_DIRECTIONS = {target: target.partition(".")[0] for target in TARGETS}


class Answer(msgspec.Struct, frozen=True):
    """What was decided about a text, the text that may go on, and the decision's id."""

    decision: Decision
    text: str
    id: str = ""


class Occasion(msgspec.Struct, frozen=True):
    """What a decision was about, for those who count and record it.

    Args:
        application: who asked.
        route: for what.
        direction: `request` or `response`.
        format: the message format.
        length: in bytes of a body, in code points of a text.
    """

    application: str
    route: str
    direction: str
    format: str
    length: int


class Observer(Protocol):
    """Counts and records decisions; must not keep the content."""

    def clock(self) -> float:
        """Return a monotonic time in seconds."""
        ...

    def mark(self) -> Mark:
        """Return what is told of each stage of the next message; most messages are not measured."""
        ...

    def observe(self, occasion: Occasion, decision: Decision, content: bytes | str, seconds: float) -> str:
        """Take a decision.

        Args:
            occasion: what it was about.
            decision: what was decided.
            content: what was inspected, for a keyed digest only.
            seconds: how long it took.

        Returns:
            The decision's id.

        Raises:
            EngineError: it cannot be recorded, and nothing may pass unrecorded.
        """
        ...

    def report_gap(self, status: str, reason: str) -> None:
        """Count a text that a recognizer did not read: by the policy's leave, or by a failure that is decided apart."""
        ...

    def report_wait(self, seconds: float) -> None:
        """Count how long a text waited for a recognizer in another process."""
        ...

    def report_lookup(self, *, is_hit: bool) -> None:
        """Count a look into the verdict cache."""
        ...


class Unobserved:
    """An observer that does nothing, for tools."""

    def clock(self) -> float:
        """Return no time."""
        return 0.0

    def mark(self) -> Mark:
        """Measure nothing."""
        return unmarked

    def observe(self, occasion: Occasion, decision: Decision, content: bytes | str, seconds: float) -> str:
        """Record nothing."""
        del occasion, decision, content, seconds
        return ""

    def report_gap(self, status: str, reason: str) -> None:
        """Count nothing."""
        del status, reason

    def report_wait(self, seconds: float) -> None:
        """Count nothing."""
        del seconds

    def report_lookup(self, *, is_hit: bool) -> None:
        """Count nothing."""
        del is_hit


class Filters(Protocol):
    """What adapters need of a snapshot: the filter of each application and route."""

    def filter(self, application: str = "", route: str = "") -> Filter:
        """Return the filter of one application and route."""
        ...


class Filter:
    """Checks texts and bodies for one application and route; never raises for bad input or for our own failure.

    Args:
        engine: inspects.
        lane: rules, policy, limits and failure policy.
        observer: counts and records every decision.
        application: who asks.
        route: for what.
        turns: what its conversations have been judged; None: every request is judged anew.
        verdicts: what was decided about texts before; None: nothing is remembered.
    """

    def __init__(
        self,
        engine: Engine,
        lane: Lane,
        observer: Observer | None = None,
        *,
        application: str = "",
        route: str = "",
        turns: Turns | None = None,
        verdicts: Verdicts | None = None,
    ) -> None:
        self._turns = turns
        self._verdicts = verdicts
        self.engine = engine
        self.lane = lane
        self._observer = observer or Unobserved()
        self._application = application
        self._route = route

    def of_exchange(self, conversation: str) -> Filter:
        """Return the filter of one exchange, which restores in the answer what it pseudonymised in the request.

        Args:
            conversation: which one of the application's; empty: all of them are one.

        Raises:
            EngineError: the vault cannot be asked.
        """
        if self.lane.keyring is None:
            return self
        pseudonyms = Pseudonyms(self.lane.keyring, self._application, conversation)
        lane = msgspec.structs.replace(self.lane, pseudonyms=pseudonyms)
        return Filter(
            self.engine, lane, self._observer, application=self._application, route=self._route, turns=self._turns
        )

    def check_text(self, text: str, target: str = "request.user") -> Answer:
        """Check one text.

        Args:
            text: any text.
            target: one of `TARGETS`.

        Raises:
            ValueError: the target is unknown.
        """
        direction = _DIRECTIONS.get(target)
        if direction is None:
            raise ValueError(f"unknown target; known: {', '.join(TARGETS)}")
        begin = self._observer.clock()
        try:
            self._require_length(len(text), self.lane.text_limit, "code points")
            if self.lane.sizes is not None and direction == "request":
                self.lane.sizes.require_tokens(len(text.encode("utf-8", "surrogatepass")))
            decision = self._judge(Segment(text, target))
        except InputError as error:
            decision = self.refuse(error)
        except EngineError as error:
            decision = self.fail(error, direction)
        decision, id_ = self.record(decision, text, direction=direction, schema_name="text", begin=begin)
        return Answer(decision, apply_edits(text, decision.edits) if decision.edits else text, id_)

    def check_body(self, body: bytes, schema: Schema, direction: str, recall: Lookout = NOTHING) -> Outcome:
        """Check one message body.

        Args:
            body: decoded from any content coding.
            schema: its format.
            direction: `request` or `response`.
            recall: for an answer, what the outcome of its request gave to look for.
        """
        begin = self._observer.clock()
        try:
            self._require_length(len(body), self.lane.body_limit, "bytes")
            if self.lane.sizes is not None:
                self.lane.sizes.require(body, direction)
            schema = own_format(schema, self._route, direction, self.lane.formats)
            outcome = self._inspect(body, schema, direction, recall)
        except InputError as error:
            outcome = Outcome(self.refuse(error), body)
        except EngineError as error:
            outcome = Outcome(self.fail(error, direction), body)
        decision, id_ = self.record(outcome.decision, body, direction=direction, schema_name=schema.name, begin=begin)
        passed = outcome.body if decision.verdict is not Verdict.BLOCK else body
        return Outcome(decision, passed, id_, outcome.recall)

    def _judge(self, segment: Segment) -> Decision:
        """Judge a text, unless it was judged before."""
        if self._verdicts is None:
            return self._judge_anew(segment)
        digest = self._verdicts.digest(segment.text, segment.target)
        known = self._verdicts.find(digest, segment)
        self._observer.report_lookup(is_hit=known is not None)
        if known is None:
            known = self._judge_anew(segment)
            self._verdicts.keep(digest, known, segment)
        return known

    def _judge_anew(self, segment: Segment) -> Decision:
        mark = self._observer.mark()
        decision = self.engine.judge((segment,), self.lane, mark=mark)
        mark("decide")
        return decision

    def _inspect(self, body: bytes, schema: Schema, direction: str, recall: Lookout) -> Outcome:
        """Inspect a body, unless it was inspected before and nothing was found that it could be asked about again."""
        turns = self._turns if direction == "request" else None
        if self._verdicts is None or recall is not NOTHING:
            return self.engine.inspect(body, schema, self.lane, recall, turns, mark=self._observer.mark())
        digest = self._verdicts.digest(body, direction, schema.name, self._route)
        known = self._verdicts.find(digest)
        self._observer.report_lookup(is_hit=known is not None)
        if known is not None:
            return Outcome(known, body)
        outcome = self.engine.inspect(body, schema, self.lane, recall, turns, mark=self._observer.mark())
        # What the answer is to be looked at for is made of the request's texts, which are not kept.
        if outcome.recall is NOTHING:
            self._verdicts.keep(digest, outcome.decision)
        return outcome

    def clock(self) -> float:
        """Return the time that `record` measures from."""
        return self._observer.clock()

    def record(
        self,
        decision: Decision,
        content: bytes | str,
        *,
        direction: str,
        schema_name: str,
        begin: float,
        length: int | None = None,
    ) -> tuple[Decision, str]:
        """Have a decision counted and recorded.

        Args:
            decision: what was decided.
            content: what was inspected; empty where it streamed and was not kept.
            direction: `request` or `response`.
            schema_name: the message format.
            begin: by `clock`.
            length: of what was inspected, where `content` was not kept.

        Returns:
            The decision and its id; a refusal where it cannot be recorded and must be, whatever the failure policy.
        """
        size = len(content) if length is None else length
        occasion = Occasion(self._application, self._route, direction, schema_name, size)
        observer = self._observer
        try:
            return decision, observer.observe(occasion, decision, content, observer.clock() - begin)
        except EngineError as error:
            return self._because(error, Verdict.BLOCK), ""

    def refuse_unread(self, error: InputError, *, direction: str, schema_name: str) -> tuple[Decision, str]:
        """Decide about a message that was not even taken in, have that recorded, and return it with its id."""
        begin = self._observer.clock()
        return self.record(self.refuse(error), b"", direction=direction, schema_name=schema_name, begin=begin)

    def open_stream(self, path: str, content_type: str, recall: Lookout = NOTHING) -> AnswerStream | None:
        """Return a guard for an answer that is streamed; None for one that is judged whole.

        Args:
            path: the request's path.
            content_type: the answer's header.
            recall: what the outcome of the request gave to look for.

        Raises:
            UnsupportedContent: the content type cannot be read, or names a charset other than UTF-8.
        """
        schema = response_schema(path, content_type)
        media = parse_content_type(content_type)
        dialect = dialect_for(request_schema(path).name, f"{media.kind}/{media.subtype}", path)
        if dialect is None:
            return None
        clock = self._observer.clock

        def record(decision: Decision, length: int, seconds: float) -> tuple[Decision, str]:
            begin = clock() - seconds
            return self.record(decision, b"", direction="response", schema_name=schema.name, begin=begin, length=length)

        guard = OutputGuard(self.engine, self.lane, dialect, recall=recall)
        return AnswerStream(guard, dialect, schema, record, clock=clock)

    def refuse(self, error: InputError) -> Decision:
        """Decide about what cannot be read: refused, unless the policy passes it unseen; a limit is always a refusal."""
        passes = self.lane.pass_unreadable and not isinstance(error, BodyTooLarge)
        return self._because(error, Verdict.FLAG if passes else Verdict.BLOCK)

    def fail(self, error: EngineError, direction: str) -> Decision:
        """Decide about what we could not inspect: the failure policy of the direction."""
        return self._because(error, Verdict.ALLOW if direction in self.lane.fail_open else Verdict.BLOCK)

    def _because(self, error: InputError | EngineError, verdict: Verdict) -> Decision:
        revision = self.engine.revision
        return Decision(verdict, revision=revision, reason=error.code, detail=str(error), http_status=error.http_status)

    def _require_length(self, length: int, limit: int, unit: str) -> None:
        if length > limit:
            raise BodyTooLarge(f"{length} {unit} where the policy allows {limit}")
