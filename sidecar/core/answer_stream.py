"""A streamed answer as a transaction sees it: bytes in, bytes out, and one decision at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sidecar.core.guard import Event, OutputGuard, Stop

if TYPE_CHECKING:
    from collections.abc import Callable

    from sidecar.core.api_errors import Fault
    from sidecar.core.dialects import Dialect
    from sidecar.core.schemas import Schema
    from sidecar.model import Decision


class AnswerStream:
    """Guards one streamed answer, in the framing in which it came.

    Args:
        guard: guards it.
        dialect: how the answer streams.
        schema: the format of the answer.
        record: has the decision counted and recorded, with the length of the answer in bytes; returns its id.
    """

    def __init__(
        self,
        guard: OutputGuard,
        dialect: Dialect,
        schema: Schema,
        record: Callable[[Decision, int], str],
    ) -> None:
        self.schema = schema
        # Whether the answer was blocked; nothing more is released then.
        self.stopped = False
        self._guard = guard
        self._dialect = dialect
        self._record = record
        self._length = 0

    @property
    def decision(self) -> Decision:
        """What was decided so far."""
        return self._guard.decision

    def receive(self, data: bytes) -> bytes:
        """Take a chunk and return what may go on; where the answer is blocked, it ends with the API's own error."""
        self._length += len(data)
        return self._joined(self._guard.receive(data))

    def finish(self) -> bytes:
        """Return what was held back, now that nothing follows."""
        return self._joined(self._guard.finish())

    def conclude(self) -> str:
        """Have the decision recorded and return its id."""
        return self._record(self.decision, self._length)

    def refuse(self, fault: Fault) -> bytes:
        """Return what ends the answer in the API's own way."""
        self.stopped = True
        return self._dialect.block(fault)

    def _joined(self, events: list[Event]) -> bytes:
        self.stopped = self.stopped or any(isinstance(event, Stop) for event in events)
        return b"".join(event.data for event in events)
