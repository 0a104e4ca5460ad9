"""The values that the whole package shares; frozen, without behaviour beyond small derivations."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from typing import Any

import msgspec


class Verdict(enum.IntEnum):
    """What happens to a message; ordered, so `max()` combines."""

    ALLOW = 0
    FLAG = 1
    MASK = 2
    BLOCK = 3

    @property
    def label(self) -> str:
        """The word used in JSON, metrics and headers."""
        return self.name.lower()


class Action(enum.Enum):
    """What a policy does about a finding."""

    ALLOW = "allow"
    FLAG = "flag"
    SANITISE = "sanitise"
    MASK = "mask"
    BLOCK = "block"

    @property
    def verdict(self) -> Verdict:
        """The verdict that this action leads to; sanitising rewrites text, as masking does."""
        return Verdict.MASK if self is Action.SANITISE else Verdict[self.name]


# The closed set of targets: the role of a text inside a message. Policies and rules name them, `request.*` included.
TARGETS = (
    "request.system",
    "request.user",
    "request.assistant",
    "request.tool_result",
    "request.tool_call",
    "request.tool_definition",
    "request.document",
    "request.metadata",
    "response.text",
    "response.reasoning",
    "response.tool_call",
    "response.metadata",
)


class Kind(enum.Enum):
    """What a segment is in its message: text, a number outside of strings, or the type of a file that nobody here reads."""

    TEXT = "text"
    NUMBER = "number"
    FILE = "file"


class Segment(msgspec.Struct, frozen=True, gc=False):
    """One addressable text inside a message.

    Args:
        text: the text as the model will read it; of a number, its key and its digits; of a file, its media type.
        target: one of `TARGETS`.
        path: JSON pointer to the text; after `#`, a pointer inside JSON that is itself a string (tool-call arguments),
            or `=` for the text that a string holds as base64; a `~` at its end means the key of the place, not its value.
        start: findings begin here or later; what stands before was judged, and is context only.
        kind: what it is in its message.
    """

    text: str
    target: str
    path: str = ""
    start: int = 0
    kind: Kind = Kind.TEXT

    def __repr__(self) -> str:
        """Show place and length; text stays out of logs and tracebacks."""
        return f"Segment(path={self.path!r}, target={self.target!r}, length={len(self.text)})"


class View(msgspec.Struct, frozen=True):
    """A text as one chain of transforms shows it, with the way back to the segment it came from.

    Args:
        text: what is scanned.
        segment: the segment it was made from.
        chain: names of the transforms applied, in order; empty for the text itself.
        locate: maps a span of `text` to the span of the segment that it stands for; None: the same place.
        folded: whether a folded view of it is scanned, too, in which its characters are easier to read.
    """

    text: str
    segment: Segment
    chain: tuple[str, ...] = ()
    locate: Callable[[int, int], tuple[int, int]] | None = None
    folded: bool = False

    def __repr__(self) -> str:
        """Show what was done and the length, never the text."""
        return f"View(chain={self.chain!r}, length={len(self.text)}, segment={self.segment!r})"


class Pattern(msgspec.Struct, frozen=True):
    """One alternative of a rule: anchors that must be present, then a second look.

    Args:
        keywords: literals of which one must be present; the scanner looks for them.
        also: a second set of literals of which one must be present too; empty for none.
        regex: confirms and gives the span; None where a keyword alone is the finding.
    """

    keywords: tuple[str, ...]
    also: tuple[str, ...] = ()
    regex: re.Pattern[str] | None = None


class Confirm(msgspec.Struct, frozen=True):
    """A check on what a regex matched, such as a checksum or a minimum of entropy; named in `core.checks.CHECKS`."""

    name: str
    value: float = 0.0
    words: tuple[str, ...] = ()
    group: str | int = 0


class Rule(msgspec.Struct, frozen=True):
    """One checked rule, as the engine runs it."""

    id: str
    version: int
    family: str
    title: str
    severity: str
    paranoia: int
    targets: frozenset[str]
    transforms: frozenset[str]
    patterns: tuple[Pattern, ...]
    verdict: Verdict
    confirm: tuple[Confirm, ...] = ()
    entity: str | None = None
    confidence: float = 0.9
    tags: tuple[str, ...] = ()
    caseless: bool = True


class RuleSet(msgspec.Struct, frozen=True):
    """A bundle that was read, checked and is ready to be compiled."""

    name: str
    version: str
    revision: str
    rules: tuple[Rule, ...]


class Finding(msgspec.Struct, frozen=True):
    """A confirmed match, in code points of its segment.

    Args:
        rule: the rule's id.
        family: its family.
        start: where what was found begins.
        end: one past its end.
        confidence: how certain it is, 0..1.
        segment: the text it was found in.
        entity: the entity type, if it has one.
        verdict: the rule's own; after deciding, what the policy made of it.
        paranoia: the rule's level.
        chain: transforms that showed it.
        around: what had to be read to find it, where that is more: the words before a password.
    """

    rule: str
    family: str
    start: int
    end: int
    confidence: float
    segment: Segment
    entity: str | None = None
    verdict: Verdict = Verdict.FLAG
    paranoia: int = 1
    chain: tuple[str, ...] = ()
    around: tuple[int, int] | None = None


class Edit(msgspec.Struct, frozen=True, gc=False):
    """A replacement for one span of one segment, in code points."""

    path: str
    start: int
    end: int
    replacement: str

    def __repr__(self) -> str:
        """Show the place; a replacement may be derived from the text."""
        return f"Edit(path={self.path!r}, start={self.start}, end={self.end}, length={len(self.replacement)})"


class Decision(msgspec.Struct, frozen=True):
    """What was decided about a message, and why; never holds more text than the edits need.

    Args:
        verdict: what happens to it.
        score: the injection score, 0..1.
        findings: what was found, in order of place.
        edits: what carries out a mask.
        revision: the revision of the rules.
        reason: a code where no rule says why, such as `limits.exceeded`, `malformed_body` or `engine_failure`.
        detail: a sentence about the reason, without text.
        http_status: the status to refuse with.
    """

    verdict: Verdict
    score: float = 0.0
    findings: tuple[Finding, ...] = ()
    edits: tuple[Edit, ...] = ()
    revision: str = ""
    reason: str = ""
    detail: str = ""
    http_status: int = 403


class OperatorConfig(msgspec.Struct, frozen=True):
    """An anonymisation operator by Presidio's name, with its parameters."""

    name: str
    params: dict[str, Any] = {}
