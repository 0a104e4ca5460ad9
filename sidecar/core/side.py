"""One direction of an exchange: how its body reaches us, how far it is, what is held back, and how answers to it look."""

from __future__ import annotations

import enum
from typing import Final

from sidecar.core.answer_stream import AnswerStream
from sidecar.core.coding import IDENTITY
from sidecar.core.exchange import (
    NO_EDITS,
    Action,
    BodyMode,
    Continue,
    Direction,
    HeaderEdits,
    HeadersEvent,
    Metadata,
    Modes,
    ReplaceBody,
    SendChunk,
)
from sidecar.errors import EngineError

# Envoy recommends at most 64 KiB for each chunk; the rest is room for framing.
CHUNK_LIMIT: Final = 62_000


_NO_HEADERS: Final = HeadersEvent("request", ())


class Phase(enum.IntEnum):
    """How far one direction of an exchange is; numbers, as the state table is asked for one with every event."""

    HEADERS = 0
    BODY = 1
    DONE = 2


class Side:
    """The state of one direction.

    Args:
        direction: which one.
        mode: how its body reaches us; None where the host did not say.
    """

    def __init__(self, direction: Direction, mode: BodyMode | None) -> None:
        self.direction: Direction = direction
        self.mode = mode
        self.phase = Phase.HEADERS
        self.headers = _NO_HEADERS
        # Names what was decided, for callers, access logs and the audit log.
        self.decision_id = ""
        self.edits = NO_EDITS
        # The content coding of the body as it came.
        self.coding = IDENTITY
        self.override: Modes | None = None
        # Bytes that are kept until the body is complete; a stream keeps its own.
        self.held = bytearray()
        self.stream: AnswerStream | None = None
        # The answer to the headers is kept back so that a refusal can still have its status.
        self.owes_headers = False
        self._is_headers_answered = False
        # Parts go on unseen, because the policy says so.
        self.passing = False
        # Parts are judged and go on, whatever the verdict (observability mode, enforcement `shadow`).
        self.watching = False

    @property
    def has_begun(self) -> bool:
        """Whether the status line of an answer has left, so that a refusal can have none of its own."""
        # In BUFFERED mode the host keeps the headers until the body is answered.
        return self.direction == "response" and self._is_headers_answered and self.mode not in (BodyMode.BUFFERED, None)

    @property
    def in_pieces(self) -> bool:
        """Whether the body comes in chunks."""
        return self.mode in (BodyMode.STREAMED, BodyMode.FULL_DUPLEX)

    @property
    def declared(self) -> int | None:
        """The length that the headers promise, in bytes."""
        value = self.headers.get("content-length")
        return int(value) if value and value.isdecimal() else None

    def continue_headers(self) -> Continue:
        """Answer the headers."""
        self.owes_headers = False
        self._is_headers_answered = True
        return Continue(self.direction, "headers", self.edits, self.override)

    def owed(self) -> list[Action]:
        """Answer the headers, if that was kept back."""
        return [self.continue_headers()] if self.owes_headers else []

    def keep(self, data: bytes) -> list[Action]:
        """Answer a chunk that is kept until the body is complete; where it is only watched, it goes on."""
        if not self.watching:
            return [ReplaceBody(self.direction, b"")] if self.mode is BodyMode.STREAMED else []
        if self.mode is BodyMode.FULL_DUPLEX:
            return self.release(data, end=False)
        return [Continue(self.direction, "body")]

    def release(self, data: bytes, *, end: bool, metadata: Metadata = None) -> list[Action]:
        """Answer a chunk, or several that were kept, with the bytes that may go on."""
        if self.mode is BodyMode.FULL_DUPLEX:
            return [*self.owed(), *_cut(self.direction, data, end=end, metadata=metadata)]
        return [ReplaceBody(self.direction, data, metadata=metadata)]

    def replace(self, data: bytes, metadata: Metadata = None) -> list[Action]:
        """Answer a body that came in one piece with a new one; the length must agree where one was promised."""
        length = (("content-length", str(len(data))),) if self.declared is not None else ()
        return [ReplaceBody(self.direction, data, HeaderEdits(length, self._uncoded), metadata)]

    def drop_coding(self) -> None:
        """Say in the headers, which are still owed, that the body goes on without its content coding."""
        self.edits = HeaderEdits(self.edits.set, (*self.edits.remove, *self._uncoded))

    @property
    def _uncoded(self) -> tuple[str, ...]:
        return ("content-encoding",) if self.coding != IDENTITY else ()

    def release_before_trailers(self, data: bytes, metadata: Metadata = None) -> list[Action]:
        """Let kept bytes go although their last chunk is answered already.

        Raises:
            EngineError: this mode has no way to do so.
        """
        if self.mode is BodyMode.FULL_DUPLEX:
            return [*self.owed(), *(_cut(self.direction, data, end=False, metadata=metadata) if data else [])]
        if data:
            raise EngineError("the body ended with trailers, and what was held back cannot be sent in STREAMED mode")
        return []


def _cut(direction: Direction, data: bytes, *, end: bool, metadata: Metadata = None) -> list[Action]:
    """Cut bytes into chunks that Envoy likes; the first one carries the metadata, the last one ends the body."""
    if not data and not end:
        return []
    starts = range(0, len(data), CHUNK_LIMIT) or range(1)
    return [
        SendChunk(
            direction,
            data[start : start + CHUNK_LIMIT],
            end and start == starts[-1],
            metadata if start == 0 else None,
        )
        for start in starts
    ]
