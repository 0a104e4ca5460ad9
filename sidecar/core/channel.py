"""One streamed text: what of it may be released, and with which edits; judged piece by piece, as if it were whole."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Protocol

import msgspec

from sidecar.core.lookout import measured
from sidecar.core.prefixes import Live
from sidecar.errors import EngineError
from sidecar.model import Decision, Segment, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sidecar.core.lookout import Meter, Watch
    from sidecar.core.prefixes import PrefixAutomaton
    from sidecar.model import Finding

# Code points of released text that are kept, so that rules see what stands before: word boundaries, context words.
CONTEXT = 128
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
        context = self._released[-CONTEXT:]
        text = context + self._text
        return self.cut + max(0, min(watch.live_from(text) for watch in self._watches) - len(context))

    def _settle_until(self, safe: int, *, final: bool) -> list[Decision]:
        if self._live.matched <= self.cut and not self._closed and not self._watches:
            # No pattern was completed in what is held, so there is nothing for the rules to find in it.
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


class JsonChannel:
    """JSON that is written piece by piece, as tool-call arguments are: each of its strings is a text of its own.

    What is no JSON is a plain text from there on, as `extract` reads it, too.

    Args:
        judge: judges one string so far.
        target: what the text is.
        path: its place, for findings.
    """

    def __init__(self, judge: Judge, target: str, path: str = "") -> None:
        self._parts = (judge, target, path)
        self.target = target
        self._changes = Changes()
        # What is no JSON, and where it began; None while all of it may be.
        self._plain: TextChannel | None = None
        self._plain_start = 0
        # Strings that have not been settled to their end; the last one may still be open.
        self._strings: list[_String] = []
        self._open = False
        self._escape = ""
        # A word or number outside of strings, and whether anything came before it.
        self._word = ""
        self._begun = False
        self.cut = 0
        self.length = 0

    @property
    def held(self) -> int:
        """How many code points are held back."""
        return self.length - self.cut

    def receive(self, text: str) -> None:
        """Take the next piece."""
        for index, character in enumerate(text):
            if self._plain is not None:
                self._plain.receive(text[index:])
                self.length += len(text) - index
                return
            if self._open:
                self._inside(character, self.length)
            else:
                self._outside(character)
            self.length += 1

    def _inside(self, character: str, position: int) -> None:
        if self._escape:
            self._escape += character
            self._unescape(position)
        elif character == "\\":
            self._escape = character
        elif character == '"':
            self._strings[-1].marks.append(position)
            self._open = False
        else:
            self._decoded(character, position)

    def _outside(self, character: str) -> None:
        if character in " \t\r\n":
            self._word = ""
        elif character in "{[" or (self._begun and character in "}]:,"):
            self._begun, self._word = True, ""
        elif self._begun and character == '"' and not self._word:
            self._open = True
            self._strings.append(_String(TextChannel(*self._parts)))
        elif self._begun and _is_scalar(self._word + character):
            self._word += character
        else:
            self._plain = TextChannel(*self._parts)
            self._plain_start = self.length - len(self._word)
            self._plain.receive(self._word + character)

    def _decoded(self, text: str, begin: int) -> None:
        string = self._strings[-1]
        string.marks.extend([begin] * len(text))
        string.text.receive(text)

    def _unescape(self, position: int) -> None:
        """Decode an escape once it is complete; a high surrogate waits for what follows it."""
        written = self._escape
        begin = position + 1 - len(written)
        if written[1] != "u":
            self._escape = ""
            self._decoded(_ESCAPES.get(written[1], written[1]), begin)
        elif len(written) < 6:
            return
        elif written[2:4].lower() in _HIGH and _may_pair(written[6:]):
            if len(written) == 12:
                self._escape = ""
                self._decoded(_decode(written), begin)
        else:
            # What follows a lone surrogate is read once more, as if it had not been waited for.
            self._escape = ""
            self._decoded(_decode(written[:6]), begin)
            for offset, character in enumerate(written[6:], begin + 6):
                self._inside(character, offset)

    def settle(self, *, final: bool) -> list[Decision]:
        """Judge the strings that have ended, and of the open one what no coming text can change."""
        if final and self._escape:
            self._decoded(self._escape, self.length - len(self._escape))
            self._escape = ""
        decisions: list[Decision] = []
        for index, string in enumerate(self._strings):
            is_open = self._open and index == len(self._strings) - 1
            decisions += string.text.settle(final=final or not is_open)
            string.collect(self._changes, self.length - len(self._escape) if is_open else string.marks[-1])
        self.cut = self.length - len(self._word)
        if self._open:
            self.cut = self._strings[-1].written(self.length - len(self._escape))
        self._strings = self._strings[-1:] if self._open else []
        if self._plain is not None:
            decisions += self._plain.settle(final=final)
            self.cut = self._plain_start + self._plain.cut
            for left, right, text in self._plain.changes(0, self._plain.cut):
                self._changes.add((left + self._plain_start, right + self._plain_start, text))
        elif final:
            self.cut = self.length
        return decisions

    def changes(self, start: int, end: int) -> list[Change]:
        """Return the changes to a piece that lies before the cut, relative to it, as JSON needs them written."""
        return self._changes.take(start, end)


class _String:
    """One string of a document: its text, and where each of its code points that is still held is written."""

    __slots__ = ("_base", "marks", "text")

    def __init__(self, text: TextChannel) -> None:
        self.text = text
        self.marks: list[int] = []
        self._base = 0

    def collect(self, changes: Changes, written: int) -> None:
        """Hand over what was settled, as changes of the written form; `written` is where that ends."""
        ends = [*self.marks, written]
        for left, right, text in self.text.changes(self._base, self.text.cut):
            changes.add((ends[left], ends[min(right, len(ends) - 1)], json.dumps(text, ensure_ascii=False)[1:-1]))
        del self.marks[: self.text.cut - self._base]
        self._base = self.text.cut

    def written(self, end: int) -> int:
        """Return where the first code point that is held is written."""
        return self.marks[0] if self.marks else end


def _is_scalar(word: str) -> bool:
    """Tell whether a word is, or may become, a number or one of JSON's three words."""
    return (word[0] in "-0123456789" and all(c in "-+.eE0123456789" for c in word)) or any(
        name.startswith(word) for name in ("true", "false", "null")
    )


def _decode(written: str) -> str:
    """Decode one or two `\\u` escapes; a lone surrogate is shown as U+FFFD, an odd one as it is written."""
    try:
        return str(json.loads(f'"{written}"')).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    except ValueError:
        return written


def _may_pair(follows: str) -> bool:
    """Tell whether what follows a high surrogate may still be a low one."""
    return (
        "\\u".startswith(follows[:2])
        and (len(follows) < 3 or follows[2] in "dD")
        and (len(follows) < 4 or follows[3] in "cdefCDEF")
    )


_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_HIGH = frozenset({"d8", "d9", "da", "db"})
