"""What answers are looked at for beside the rules: things that only the policy, the request or the whole answer can tell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from sidecar.model import Finding, Segment, Verdict

# What a model says, to people and to tools.
ANSWERS = frozenset({"response.text", "response.reasoning", "response.tool_call"})


class Watch(Protocol):
    """Finds something in a text."""

    @property
    def family(self) -> str:
        """Family of its findings; policies switch it by this name."""

    @property
    def targets(self) -> frozenset[str]:
        """The texts it looks at."""

    @property
    def shapes(self) -> Sequence[str]:
        """Expressions of `re` that its findings match, for streams; empty where `live_from` says it all."""

    @property
    def least(self) -> int:
        """Code points of its shortest finding."""

    def find(self, segment: Segment) -> Sequence[Finding]:
        """Return what is found from `segment.start` on."""

    def live_from(self, text: str) -> int:
        """Return the offset from which text that has not come yet could still complete a finding; the length if none."""


class Meter(Protocol):
    """Measures one answer as it comes; says each thing once."""

    @property
    def family(self) -> str:
        """Family of its findings."""

    def receive(self, text: str) -> bool:
        """Take the next piece; true where a bound was passed with it."""

    def finish(self) -> bool:
        """Take the end; true where the whole answer is not what it should be."""


class Lookout(msgspec.Struct, frozen=True):
    """All that is looked for.

    Args:
        watches: find things in texts.
        meters: make what measures one answer.
        allows: whether all addresses in a text are on the allow list; such findings of the family `exfil` are dropped.
    """

    watches: tuple[Watch, ...] = ()
    meters: tuple[Callable[[], Meter], ...] = ()
    allows: Callable[[str], bool] | None = None

    def __add__(self, other: Lookout) -> Lookout:
        """Look for what both look for."""
        if self is NOTHING or other is NOTHING:
            return other if self is NOTHING else self
        return Lookout((*self.watches, *other.watches), (*self.meters, *other.meters), self.allows or other.allows)

    def concerns(self, segments: Sequence[Segment]) -> bool:
        """Tell whether anything is looked for in texts of these targets; mostly nothing is in requests."""
        if self.meters:
            for segment in segments:  # asked of every clean message: a set of targets would cost as much as its scan
                if segment.target == "response.text":
                    return True
        return any(segment.target in watch.targets for watch in self.watches for segment in segments)

    def find(self, segments: Sequence[Segment]) -> list[Finding]:
        """Return what the watches find."""
        return [
            finding
            for segment in segments
            for watch in self.watches
            if segment.target in watch.targets
            for finding in watch.find(segment)
        ]

    def measure(self, segments: Sequence[Segment]) -> list[Finding]:
        """Return what the meters say of texts that came whole."""
        return [
            measured(meter.family, segment)
            for segment in segments
            if segment.target == "response.text"
            for meter in (make() for make in self.meters)
            if meter.receive(segment.text) or meter.finish()
        ]

    def keep(self, findings: Sequence[Finding]) -> list[Finding]:
        """Drop findings of the family `exfil` whose addresses are all allowed."""
        allows = self.allows
        if allows is None:
            return list(findings)
        return [f for f in findings if f.family != "exfil" or not allows(f.segment.text[f.start : f.end])]


NOTHING = Lookout()


def measured(family: str, segment: Segment) -> Finding:
    """Return the finding of a meter: it is about all of a text."""
    return Finding(f"output-{family}", family, segment.start, len(segment.text), 1.0, segment, verdict=Verdict.BLOCK)
