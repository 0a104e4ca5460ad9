"""A streamed answer as a transaction sees it: bytes in, bytes out, and one decision at the end."""

from __future__ import annotations

from collections.abc import Callable

from sidecar.core.api_errors import Fault
from sidecar.core.dialects import Dialect
from sidecar.core.guard import Event, OutputGuard, Stop
from sidecar.core.schemas import Schema
from sidecar.model import Decision, Verdict


class AnswerStream:
    """Guards one streamed answer, in the framing in which it came.

    Args:
        guard: guards it.
        dialect: how the answer streams.
        schema: the format of the answer.
        record: has the decision counted and recorded, with the answer's length in bytes and the seconds that guarding it
            took; returns the decision, which is a refusal where it cannot be recorded and must be, and its id.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        guard: OutputGuard,
        dialect: Dialect,
        schema: Schema,
        record: Callable[[Decision, int, float], tuple[Decision, str]],
        *,
        clock: Callable[[], float],
    ) -> None:
        self.schema = schema
        # Whether the answer was blocked; nothing more is released then.
        self.stopped = False
        self._guard = guard
        self._dialect = dialect
        self._record = record
        self._clock = clock
        self._length = 0
        # Guarding, not waiting: the model takes its time between two chunks.
        self._seconds = 0.0
        self._final: Decision | None = None

    @property
    def decision(self) -> Decision:
        """What was decided so far."""
        return self._final or self._guard.decision

    @property
    def is_unrecorded(self) -> bool:
        """Whether the answer must not end well: its decision could not be recorded, and nothing may pass so."""
        return not self.stopped and self._final is not None and self._final.verdict is Verdict.BLOCK

    def receive(self, data: bytes) -> bytes:
        """Take a chunk and return what may go on; where the answer is blocked, it ends with the API's own error."""
        begin = self._clock()
        self._length += len(data)
        released = self._joined(self._guard.receive(data))
        self._seconds += self._clock() - begin
        return released

    def finish(self) -> bytes:
        """Return what was held back, now that nothing follows."""
        begin = self._clock()
        released = self._joined(self._guard.finish())
        self._seconds += self._clock() - begin
        return released

    def conclude(self) -> str:
        """Have the decision recorded and return its id; where it must be and cannot, the decision becomes a refusal."""
        self._final, id_ = self._record(self._guard.decision, self._length, self._seconds)
        return id_

    def refuse(self, fault: Fault) -> bytes:
        """Return what ends the answer in the API's own way."""
        self.stopped = True
        return self._dialect.block(fault, begun=self._guard.begun)

    def _joined(self, events: list[Event]) -> bytes:
        self.stopped = self.stopped or any(isinstance(event, Stop) for event in events)
        return b"".join(event.data for event in events)
