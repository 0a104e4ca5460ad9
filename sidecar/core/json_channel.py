"""Tool-call arguments that are streamed: JSON that is written piece by piece, judged string by string."""

from __future__ import annotations

import json

import msgspec

from sidecar.core.channel import Change, Changes, Judge, TextChannel
from sidecar.core.extract import KEY_LENGTH, LONG_NUMBER, number_segment
from sidecar.core.splice import apply_edits
from sidecar.model import Decision, Verdict

# Characters of the shortest number that is long: `1e6`.
_LONG = 3


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
        # The string that came last, and the key that stands before a number.
        self._head = ""
        self._key = ""
        self._decisions: list[Decision] = []
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
            self._end_word()
        elif character in "{[" or (self._begun and character in "}]:,"):
            self._end_word()
            self._begun, self._key = True, self._head if character == ":" else ""
        elif self._begun and character == '"' and not self._word:
            self._open, self._head = True, ""
            self._strings.append(_String(TextChannel(*self._parts)))
        elif self._begun and _is_scalar(self._word + character):
            self._word += character
        else:
            self._plain = TextChannel(*self._parts)
            self._plain_start = self.length - len(self._word)
            self._plain.receive(self._word + character)

    def _end_word(self) -> None:
        """Judge a number that has ended; what masks it is a string, as JSON has no other place for it."""
        word, self._word = self._word, ""
        if len(word) < _LONG or word[-1] not in "0123456789":
            return
        try:
            value = msgspec.json.decode(word)
        except msgspec.DecodeError:
            return
        judge, target, path = self._parts
        if -LONG_NUMBER < value < LONG_NUMBER:
            return
        segment = number_segment(value, target, path, self._key)
        decision, _ = judge.until(segment, len(segment.text))
        if decision.edits:
            masked = apply_edits(segment.text[segment.start :], decision.edits)
            self._changes.add((self.length - len(word), self.length, json.dumps(masked, ensure_ascii=False)))
        if decision.findings or decision.verdict is not Verdict.ALLOW:
            self._decisions.append(decision)

    def _decoded(self, text: str, begin: int) -> None:
        if len(self._head) < KEY_LENGTH:
            self._head += text
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
        if final and self._plain is None:
            self._end_word()
        decisions, self._decisions = self._decisions, []
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
