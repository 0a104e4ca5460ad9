"""One streamed text: what of it may be released, and with which edits; judged piece by piece, as if it were whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from sidecar.core.confirm import ALSO_REACH
from sidecar.core.lookout import Meter, Watch, measured
from sidecar.core.prefixes import Live, PrefixAutomaton
from sidecar.errors import EngineError
from sidecar.model import Decision, Finding, Segment, Verdict

# Code points of released text that are kept, so that rules see what stands before: word boundaries, context words, `also`.
CONTEXT = ALSO_REACH
# Disguises such as spaced letters show only in longer stretches: so much released text is kept, and looked at again each
# time so much more of it has left.
LOOK_BACK = 384
LOOK_EVERY = 128

# A stretch of a text, in code points, and what takes its place.
Change = tuple[int, int, str]


class Judge(Protocol):
    """What a text is judged by."""

    def until(self, segment: Segment, cut: int) -> tuple[Decision, int]:
        """Judge a text up to a cut: see `Engine.judge_until`."""

    def rule_on(self, findings: Sequence[Finding]) -> Decision:
        """Decide about findings that were made elsewhere."""

    def prefixes(self, target: str) -> PrefixAutomaton:
        """Return what could still become a match in texts with a target."""

    def watches(self, target: str) -> Sequence[Watch]:
        """Return what says itself what could still become a finding."""

    def meters(self, target: str) -> list[Meter]:
        """Return new meters for one text."""


class Channel(Protocol):
    """A text that comes in pieces; offsets count code points of the text as it comes.

    `cut` says up to where it may be released; a channel whose `decision` is a block releases nothing more.
    """

    target: str
    cut: int
    length: int

    def receive(self, text: str) -> None:
        """Take the next piece."""

    def settle(self, *, final: bool) -> list[Decision]:
        """Judge what can be judged now: all of it where nothing more can come.

        Raises:
            EngineError: we failed.
        """

    def changes(self, start: int, end: int) -> list[Change]:
        """Return the changes to a piece that lies before the cut, relative to it; pieces are asked for in order."""

    @property
    def held(self) -> int:
        """How many code points are held back."""


class Changes:
    """The changes of a text that have not left yet, in order of place."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: list[Change] = []

    def add(self, change: Change) -> None:
        """Take one more; its offsets count from the beginning of the text."""
        self._waiting.append(change)

    def take(self, start: int, end: int) -> list[Change]:
        """Return what happens to a piece, relative to it; what lies wholly before its end is forgotten."""
        if not self._waiting:
            return []
        # A span over several pieces is replaced where it begins, and gone from the others.
        found = [
            (max(left, start) - start, min(right, end) - start, text if left >= start else "")
            for left, right, text in self._waiting
            if left < end and right > start
        ]
        self._waiting = [change for change in self._waiting if change[1] > end]
        return found


class TextChannel:
    """A plain text.

    Args:
        judge: judges the text so far.
        target: what the text is.
        path: its place, for findings.
    """

    __slots__ = (
        "_changes",
        "_closed",
        "_judge",
        "_live",
        "_masked",
        "_meters",
        "_passed",
        "_prefixes",
        "_released",
        "_text",
        "_unseen",
        "_watches",
        "cut",
        "length",
        "path",
        "target",
    )

    def __init__(self, judge: Judge, target: str, path: str = "") -> None:
        self._judge = judge
        self._prefixes = judge.prefixes(target)
        self._watches = judge.watches(target)
        self._meters = judge.meters(target)
        self._passed: list[str] = []
        self._live = Live()
        self._released = ""
        self._text = ""
        self._changes = Changes()
        self._masked: list[tuple[int, int]] = []
        self._closed = False
        self._unseen = 0
        self.target = target
        self.path = path
        self.cut = 0
        self.length = 0

    @property
    def held(self) -> int:
        """How many code points are held back."""
        return self.length - self.cut

    def receive(self, text: str) -> None:
        """Take the next piece."""
        self._prefixes.advance(self._live, text, self.length)
        self._text += text
        self.length += len(text)
        if self._meters:
            self._passed += [meter.family for meter in self._meters if meter.receive(text)]

    def settle(self, *, final: bool) -> list[Decision]:
        """Judge what no coming text can change."""
        passed = self._measured(final=final) if self._meters else []
        safe = self.length if final else self._live.earliest(self.length)
        if self._watches and not final:
            safe = min(safe, self._watched_from())
        if safe <= self.cut:
            return passed
        return passed + self._settle_until(safe, final=final)

    def _measured(self, *, final: bool) -> list[Decision]:
        passed, self._passed = self._passed, []
        if final and not self._closed:
            passed += [meter.family for meter in self._meters if meter.finish()]
        if not passed:
            return []
        segment = Segment(self._text, self.target, self.path)
        return [self._judge.rule_on([measured(family, segment) for family in passed])]

    def _watched_from(self) -> int:
        """Return from where on a watch may still find something; what was released is beyond its reach."""
        return self.cut + min(watch.live_from(self._text) for watch in self._watches)

    def _settle_until(self, safe: int, *, final: bool) -> list[Decision]:
        is_quiet = self._live.matched <= self.cut and not any(len(self._text) >= item.least for item in self._watches)
        if is_quiet and not self._closed:
            # No pattern was completed in what is held, and no watch finds so little: there is nothing to find in it.
            decisions: list[Decision] = []
            self._pass(safe - self.cut)
        else:
            decisions = self._judge_held(safe)
        self._closed = final
        if self._unseen >= LOOK_EVERY or (final and self._unseen):
            decisions += self._look_back()
        return decisions

    def _judge_held(self, safe: int) -> list[Decision]:
        context = self._released[-CONTEXT:]
        begin = len(context)
        segment = Segment(context + self._text, self.target, self.path, begin)
        shift = self.cut - begin
        if self._closed and (stopped := self._smuggled(segment)):
            return [stopped]
        decision, cut = self._judge.until(segment, safe - shift)
        for edit in decision.edits:
            if edit.start < begin or edit.end > cut:
                raise EngineError("the policy asks for an edit of the whole text, which cannot be done to a stream")
            self._changes.add((edit.start + shift, edit.end + shift, edit.replacement))
            self._masked = [*self._masked[-LOOK_BACK:], (edit.start + shift, edit.end + shift)]
        if cut > begin:
            self._pass(cut - begin)
        return [decision] if decision.findings or decision.verdict is not Verdict.ALLOW else []

    def _pass(self, count: int) -> None:
        """Let go of so many code points at the head of what is held, and keep the last of them as context."""
        self._released = (self._released + self._text[:count])[-LOOK_BACK:]
        self._text = self._text[count:]
        self._unseen += count
        self.cut += count

    def _look_back(self) -> list[Decision]:
        """Look at released text once more, for what shows only in longer stretches; it can no longer be masked."""
        self._unseen = 0
        begin = self.cut - len(self._released)
        decision, _ = self._judge.until(Segment(self._released, self.target, self.path), len(self._released))
        late = [
            finding
            for finding in decision.findings
            if finding.chain
            and finding.verdict >= Verdict.MASK
            and not any(start < begin + finding.end and end > begin + finding.start for start, end in self._masked)
        ]
        if not late:
            return []
        blocking = tuple(msgspec.structs.replace(finding, verdict=Verdict.BLOCK) for finding in late)
        return [
            msgspec.structs.replace(decision, verdict=Verdict.BLOCK, findings=blocking, edits=(), reason="stream.late")
        ]

    def _smuggled(self, segment: Segment) -> Decision | None:
        """Block what goes on behind an end, where the two together hold a match whose beginning has left."""
        begin = segment.start
        decision, _ = self._judge.until(msgspec.structs.replace(segment, start=0), len(segment.text))
        if not any(finding.start < begin < finding.end for finding in decision.findings):
            self._closed = False
            return None
        return msgspec.structs.replace(decision, verdict=Verdict.BLOCK, edits=(), reason="stream.resumed")

    def changes(self, start: int, end: int) -> list[Change]:
        """Return the changes to a piece that lies before the cut, relative to it."""
        return self._changes.take(start, end)
