"""What every adapter calls: an engine under one lane, with limits and the failure policy applied in this one place."""

from __future__ import annotations

from typing import Protocol

import msgspec

from sidecar.core.decide import apply_edits
from sidecar.core.engine import Engine, Lane, Outcome
from sidecar.core.schemas import Schema
from sidecar.errors import BodyTooLarge, EngineError, InputError
from sidecar.model import TARGETS, Decision, Segment, Verdict

# The rule named where a length limit was passed.
LIMIT_RULE = "limits.exceeded"


class Answer(msgspec.Struct, frozen=True):
    """What was decided about a text, and the text that may go on."""

    decision: Decision
    text: str


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
    """

    def __init__(self, engine: Engine, lane: Lane) -> None:
        self._engine = engine
        self.lane = lane

    def check_text(self, text: str, target: str = "request.user") -> Answer:
        """Check one text.

        Args:
            text: any text.
            target: one of `TARGETS`.

        Raises:
            ValueError: the target is unknown.
        """
        if target not in TARGETS:
            raise ValueError(f"unknown target; known: {', '.join(TARGETS)}")
        try:
            self._require_length(len(text), self.lane.text_limit, "code points")
            decision = self._engine.judge((Segment(text, target),), self.lane)
        except InputError as error:
            return Answer(self._refuse(error), text)
        except EngineError as error:
            return Answer(self._fail(error, target.partition(".")[0]), text)
        return Answer(decision, apply_edits(text, decision.edits))

    def check_body(self, body: bytes, schema: Schema, direction: str) -> Outcome:
        """Check one message body.

        Args:
            body: decoded from any content coding.
            schema: its format.
            direction: `request` or `response`.
        """
        try:
            self._require_length(len(body), self.lane.body_limit, "bytes")
            return self._engine.inspect(body, schema, self.lane)
        except InputError as error:
            return Outcome(self.refuse(error), body)
        except EngineError as error:
            return Outcome(self._fail(error, direction), body)

    def refuse(self, error: InputError) -> Decision:
        """Decide about a body that cannot be read: refused, or passed unseen where the policy says so."""
        passes = self.lane.pass_unreadable and not isinstance(error, BodyTooLarge)
        return self._refuse(error, Verdict.FLAG if passes else Verdict.BLOCK)

    def _require_length(self, length: int, limit: int, unit: str) -> None:
        if length > limit:
            raise BodyTooLarge(f"{length} {unit} where the policy allows {limit}")

    def _refuse(self, error: InputError, verdict: Verdict = Verdict.BLOCK) -> Decision:
        return Decision(
            verdict, revision=self._engine.revision, reason=error.code, detail=str(error), http_status=error.http_status
        )

    def _fail(self, error: EngineError, direction: str) -> Decision:
        verdict = Verdict.ALLOW if direction in self.lane.fail_open else Verdict.BLOCK
        return Decision(
            verdict, revision=self._engine.revision, reason=error.code, detail=str(error), http_status=error.http_status
        )
