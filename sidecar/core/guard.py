"""Step 8, guard: a streamed answer is released as far as no rule can object any more, masked or stopped in mid-stream.

Frames wait in a queue until their own text is clear; an edit is made inside the frame that holds the text, and every
other byte goes on as it came. A frame never overtakes another one of the same text; texts of different choices, blocks
and calls do not wait for each other.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Sequence

import msgspec

from sidecar.core import api_errors
from sidecar.core.channel import Channel, TextChannel
from sidecar.core.dialects import Dialect
from sidecar.core.engine import Engine, Lane
from sidecar.core.events import EventReader, Numbers, Reading
from sidecar.core.json_channel import JsonChannel
from sidecar.core.lookout import NOTHING, Lookout
from sidecar.core.splice import apply_edits
from sidecar.core.sse import Frame
from sidecar.core.streaming import Judging
from sidecar.errors import BodyTooLarge, EngineError, InputError
from sidecar.model import Decision, Edit, Verdict

# Bytes of frames that wait; the widest rule is far below, so only a stream that plays for time gets here.
HOLD_LIMIT = 2**20
# Texts of one answer that are open at once; each costs a few kilobytes.
CHANNEL_LIMIT = 256
# Findings of one answer that are reported; the rest are counted in the verdict only.
FINDING_LIMIT = 64


class Release(msgspec.Struct, frozen=True):
    """Bytes that may go on."""

    data: bytes

    def __repr__(self) -> str:
        """Show the length; text stays out of logs and tracebacks."""
        return f"Release(length={len(self.data)})"


class Stop(msgspec.Struct, frozen=True):
    """The answer ends here; nothing that comes after may go on.

    Args:
        decision: why.
        data: what ends the stream, as the API itself would; empty for plain text.
    """

    decision: Decision
    data: bytes = b""

    def __repr__(self) -> str:
        """Show the verdict and the length."""
        return f"Stop(reason={self.decision.reason!r}, length={len(self.data)})"


Event = Release | Stop


class _Held:
    """A frame that waits: its texts, with their place in the frame, and the edits that are known."""

    __slots__ = ("edits", "frame", "pieces", "reading")

    def __init__(self, frame: Frame, reading: Reading) -> None:
        self.frame = frame
        self.reading = reading
        self.pieces: list[tuple[str, Key, Channel, int, int]] = []
        self.edits: list[Edit] = []

    @property
    def is_clear(self) -> bool:
        return all(end <= channel.cut for _, _, channel, _, end in self.pieces)


# What tells texts apart: the place of their pieces, and the numbers of choice, block and call.
Key = tuple[str, Numbers]


class OutputGuard:
    """Guards one streamed answer; never raises for a bad stream or for our own failure.

    Args:
        engine: inspects.
        lane: rules, policy and failure policy.
        dialect: how the answer streams.
        recall: what the request gave to look for in its answer.
        decision_id: names the decision in the audit log.
    """

    def __init__(
        self, engine: Engine, lane: Lane, dialect: Dialect, *, recall: Lookout = NOTHING, decision_id: str = ""
    ) -> None:
        self._judge = Judging(engine, lane, recall)
        self._lane = lane
        self._dialect = dialect
        self._decision_id = decision_id
        self._framer = dialect.framer()
        self._reader = EventReader(dialect)
        self._channels: dict[Key, Channel] = {}
        self._queue: list[_Held] = []
        # So many frames at the head of the queue still wait: no text of theirs has come any further.
        self._settled = 0
        self._waiting_bytes = 0
        self._passing = False
        self._stopped = False
        # Whether anything has left.
        self.begun = False
        self.decision = Decision(Verdict.ALLOW, revision=engine.revision)

    def receive(self, chunk: bytes) -> list[Event]:
        """Take the next bytes of the answer.

        Args:
            chunk: as they came; cut anywhere.

        Returns:
            What may go on; a `Stop` is the last event of a stream.
        """
        return self._guarded(chunk, final=False)

    def finish(self) -> list[Event]:
        """Take the end of the answer, and release or stop what was held back."""
        return self._guarded(b"", final=True)

    def _guarded(self, chunk: bytes, *, final: bool) -> list[Event]:
        if self._stopped:
            return []
        if self._passing:
            return [Release(chunk)] if chunk else []
        try:
            frames = self._framer.finish() if final else self._framer.receive(chunk)
            return self._advance(frames, final=final)
        except InputError as error:
            passes = self._lane.pass_unreadable and not isinstance(error, BodyTooLarge)
            return self._fail(error, passes=passes)
        except EngineError as error:
            return self._fail(error, passes="response" in self._lane.fail_open)

    def _advance(self, frames: Iterable[Frame], *, final: bool) -> list[Event]:
        for frame in frames:
            touched = self._take(frame)
            if touched is None or not self._settle(touched):
                return [self._stop()]
        if final and not self._settle(dict.fromkeys(self._channels, True)):
            return [self._stop()]
        events = self._release()
        if self._waiting_bytes > HOLD_LIMIT:
            raise BodyTooLarge(f"more than {HOLD_LIMIT} bytes of the answer would have to be held back")
        return events

    # Taking frames in

    def _take(self, frame: Frame) -> dict[Key, bool] | None:
        """Queue a frame; return the texts that it touches, and whether they are complete; None: it is blocked."""
        held = _Held(frame, Reading([], [], []))
        self._queue.append(held)
        self._waiting_bytes += len(frame.raw)
        reading = held.reading = self._reader.read(frame)
        touched: dict[Key, bool] = {}
        for piece in reading.pieces:
            key = (piece.pattern, piece.numbers)
            channel = self._channels.get(key) or self._open(key, piece.target, piece.path, embedded=piece.embedded)
            touched |= self._completed_by(key, piece.target)
            start = channel.length
            channel.receive(piece.text)
            held.pieces.append((piece.path, key, channel, start, channel.length))
            touched[key] = False
        if reading.wholes and not self._judge_wholes(held):
            return None
        for numbers in reading.closes:
            touched |= {key: True for key in self._channels if key[1][: len(numbers)] == numbers}
        return touched

    def _open(self, key: Key, target: str, path: str, *, embedded: bool) -> Channel:
        if len(self._channels) >= CHANNEL_LIMIT:
            raise BodyTooLarge(f"the answer has more than {CHANNEL_LIMIT} texts at once")
        kind = JsonChannel if embedded else TextChannel
        channel = kind(self._judge, target, path)
        self._channels[key] = channel
        return channel

    def _completed_by(self, key: Key, target: str) -> dict[Key, bool]:
        """Return the reasoning that is over because the answer itself has begun; else its last words would wait."""
        if target == "response.reasoning":
            return {}
        return {
            other: True
            for other, channel in self._channels.items()
            if channel.held and channel.target == "response.reasoning" and key[1][: len(other[1])] == other[1]
        }

    def _judge_wholes(self, held: _Held) -> bool:
        decision = self._judge.whole(held.reading.wholes)
        held.edits += decision.edits
        return self._note(decision)

    def _settle(self, touched: dict[Key, bool]) -> bool:
        """Judge what is new in some texts; false where the answer is blocked."""
        for key, final in touched.items():
            channel = self._channels[key]
            before = channel.cut
            for decision in channel.settle(final=final):
                if not self._note(decision):
                    return False
            if channel.cut > before:
                self._settled = 0
        return True

    def _note(self, decision: Decision) -> bool:
        """Add to what is known of the answer; false where it is blocked."""
        self.decision = _joined(self.decision, decision)
        return decision.verdict is not Verdict.BLOCK

    # Letting frames out

    def _release(self) -> list[Event]:
        """Release every frame that is clear and overtakes nothing it belongs to."""
        kept = self._queue[: self._settled]
        parts: list[bytes] = []
        for held in self._queue[self._settled :]:
            if not held.is_clear or (kept and self._must_wait(held, kept)):
                kept.append(held)
            else:
                parts.append(self._write(held))
                self._waiting_bytes -= len(held.frame.raw)
        self._queue = kept
        self._settled = len(kept)
        data = b"".join(parts)
        self.begun = self.begun or bool(data)
        return [Release(data)] if data else []

    def _must_wait(self, held: _Held, kept: Sequence[_Held]) -> bool:
        return self._dialect.is_list or any(_overtakes(held, earlier) for earlier in kept)

    def _write(self, held: _Held) -> bytes:
        edits = held.edits
        for path, _, channel, start, end in held.pieces:
            edits = edits + [Edit(path, *change) for change in channel.changes(start, end)]
        return self._reader.write(held.frame, edits) if edits else held.frame.raw

    # Endings

    def _stop(self) -> Stop:
        self._stopped = True
        fault = api_errors.blocked(self.decision, direction="response", decision_id=self._decision_id)
        self._drop()
        return Stop(self.decision, self._dialect.block(fault, begun=self.begun))

    def _fail(self, error: InputError | EngineError, *, passes: bool) -> list[Event]:
        """Meet a stream that cannot be read, or our own failure: all of it passes from here, or nothing does."""
        verdict = max(self.decision.verdict, Verdict.FLAG) if passes else Verdict.BLOCK
        self.decision = msgspec.structs.replace(
            self.decision, verdict=verdict, reason=error.code, detail=str(error), http_status=error.http_status
        )
        if passes:
            self._passing = True
            data = b"".join(held.frame.raw for held in self._queue) + self._framer.unread
            self._drop()
            return [Release(data)] if data else []
        self._stopped = True
        self._drop()
        fault = api_errors.Fault(error.http_status, error.code, "The answer could not be inspected and was stopped.")
        return [Stop(self.decision, self._dialect.block(fault, begun=self.begun))]

    def _drop(self) -> None:
        self._queue = []
        self._channels = {}


def _overtakes(held: _Held, earlier: _Held) -> bool:
    """Tell whether a frame must wait for an earlier one: for one of the same text, or one that frames it."""
    if not held.reading.is_event:
        return False
    mine = {key for _, key, _, _, _ in held.pieces}
    theirs = {key for _, key, _, _, _ in earlier.pieces}
    if mine and theirs:
        return not mine.isdisjoint(theirs)
    if mine:  # an opening or closing event comes before the pieces inside it
        scope = earlier.reading.numbers
        return any(numbers[: len(scope)] == scope for _, numbers in mine)
    scope = held.reading.numbers
    if theirs:  # and waits for those that came before it
        return any(numbers[: len(scope)] == scope for _, numbers in theirs)
    return earlier.reading.is_event


def _joined(known: Decision, new: Decision) -> Decision:
    """Add a decision about a part to the one about the whole; what blocks stands first."""
    blocking = [finding for finding in new.findings if finding.verdict is Verdict.BLOCK]
    findings = (*blocking, *known.findings, *(finding for finding in new.findings if finding not in blocking))
    return msgspec.structs.replace(
        known,
        verdict=max(known.verdict, new.verdict),
        score=max(known.score, new.score),
        findings=findings[:FINDING_LIMIT],
    )


class TextGuard:
    """Guards one plain text that is streamed; see `OutputGuard`.

    Args:
        engine: inspects.
        lane: rules, policy and failure policy.
        target: what the text is.
        recall: what the request gave to look for in its answer.
    """

    def __init__(self, engine: Engine, lane: Lane, target: str = "response.text", *, recall: Lookout = NOTHING) -> None:
        self._lane = lane
        self._channel = TextChannel(Judging(engine, lane, recall), target)
        self._text = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._stopped = self._passing = False
        self.decision = Decision(Verdict.ALLOW, revision=engine.revision)

    def receive(self, text: str) -> str:
        """Take the next piece, and return what may be shown; once `decision` is a block, that is nothing."""
        return self._guarded(text, final=False)

    def finish(self) -> str:
        """Take the end of the text, and return what was held back and may be shown."""
        return self._guarded("", final=True)

    def _guarded(self, text: str, *, final: bool) -> str:
        if self._stopped:
            return ""
        if self._passing:
            return text
        self._text += text
        try:
            return self._advance(text, final=final)
        except (EngineError, InputError) as error:
            self._passing = isinstance(error, EngineError) and "response" in self._lane.fail_open
            self._stopped = not self._passing
            verdict = max(self.decision.verdict, Verdict.FLAG) if self._passing else Verdict.BLOCK
            self.decision = msgspec.structs.replace(
                self.decision, verdict=verdict, reason=error.code, detail=str(error), http_status=error.http_status
            )
            return self._text if self._passing else ""

    def _advance(self, text: str, *, final: bool) -> str:
        start = self._channel.cut
        self._channel.receive(text)
        for decision in self._channel.settle(final=final):
            self.decision = _joined(self.decision, decision)
            if decision.verdict is Verdict.BLOCK:
                self._stopped = True
                return ""
        if self._channel.held > HOLD_LIMIT:
            raise BodyTooLarge(f"more than {HOLD_LIMIT} code points of the answer would have to be held back")
        end = self._channel.cut
        piece, self._text = self._text[: end - start], self._text[end - start :]
        return apply_edits(piece, [Edit("", *change) for change in self._channel.changes(start, end)])
