"""Conversations: texts that were judged before are not judged again, and what was blocked once blocks no later turn.

Verdicts are remembered by a keyed digest of the text, its target and its application; no text is kept.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import msgspec

from sidecar.core.recent import Recent
from sidecar.model import Edit, Finding, Kind, Segment, Verdict

# The rule named where a text was blocked in an earlier turn, and is now gone from the history.
JUDGED_RULE = "conversation-judged-before"
# What stands in its place. It has to be the same in every turn, for caches of prompts.
NOTICE = "[removed by policy]"
# Texts so short are judged as fast as they are looked up.
_SHORT = 24
_MESSAGE = re.compile(r"(?:/\d+)?/(messages|contents|input|chat_history)/(\d+)")
# What comes before the newest message of an API that keeps the two apart.
_HISTORY = "chat_history"


class TurnMemory:
    """Verdicts of texts, by keyed digest; the oldest half is forgotten when it is full.

    Args:
        key: secret of this process, so that nobody can tell a text from its digest.
        capacity: how many verdicts are kept; about 150 bytes each.
    """

    def __init__(self, key: bytes, capacity: int) -> None:
        self._key = key
        self._recent: Recent[Verdict] = Recent(capacity)

    def scope(self, application: str) -> Turns:
        """Return the memory as one application sees it; no application learns what another one has sent."""
        return Turns(self, hashlib.blake2b(application.encode(), key=self._key, digest_size=32).digest())

    def get(self, digest: bytes) -> Verdict | None:
        """Return what is remembered."""
        return self._recent.get(digest)

    def put(self, digest: bytes, verdict: Verdict) -> None:
        """Remember a verdict."""
        self._recent.put(digest, verdict)


class Split(msgspec.Struct, frozen=True):
    """The texts of a message by what is remembered of them.

    Args:
        fresh: what has to be judged, with the digests to remember the verdicts by; None for texts too short for that.
        blocked: texts of earlier turns that were blocked then.
    """

    fresh: tuple[Segment, ...]
    digests: tuple[bytes | None, ...]
    blocked: tuple[Segment, ...]


class Turns:
    """What one application's conversations have been judged.

    Args:
        memory: keeps the verdicts.
        key: of this application.
    """

    def __init__(self, memory: TurnMemory, key: bytes) -> None:
        self._memory = memory
        self._key = key

    def split(self, segments: Sequence[Segment]) -> Split:
        """Tell what is new from what was judged before.

        Args:
            segments: the texts of a request.
        """
        fresh: list[Segment] = []
        digests: list[bytes | None] = []
        blocked: list[Segment] = []
        newest: int | None = None
        for segment in segments:
            is_known = len(segment.text) > _SHORT and segment.kind is Kind.TEXT
            digest = self._digest(segment) if is_known else None
            known = None if digest is None else self._memory.get(digest)
            if known is Verdict.ALLOW:
                continue
            if known is Verdict.BLOCK:
                newest = _newest_message(segments) if newest is None else newest
                if _is_history(segment, newest):
                    blocked.append(segment)
                    continue
            fresh.append(segment)
            digests.append(digest)
        return Split(tuple(fresh), tuple(digests), tuple(blocked))

    def remember(self, split: Split, findings: Sequence[Finding]) -> None:
        """Remember what was decided: clean and blocked texts; those in between are judged again, for their edits."""
        verdicts: dict[str, Verdict] = {}
        for finding in findings:
            path = finding.segment.path
            verdicts[path] = max(finding.verdict, verdicts.get(path, Verdict.FLAG))
        for segment, digest in zip(split.fresh, split.digests, strict=True):
            verdict = verdicts.get(segment.path, Verdict.ALLOW)
            if digest is not None and verdict in (Verdict.ALLOW, Verdict.BLOCK):
                self._memory.put(digest, verdict)

    def _digest(self, segment: Segment) -> bytes:
        data = f"{segment.target}\0{segment.text}".encode()
        return hashlib.blake2b(data, key=self._key, digest_size=16).digest()


def removed(blocked: Sequence[Segment]) -> tuple[tuple[Finding, ...], tuple[Edit, ...]]:
    """Return the findings and edits that take texts out of a history which were blocked when they were new."""
    findings = tuple(
        Finding(JUDGED_RULE, "conversation", 0, len(item.text), 1.0, item, verdict=Verdict.MASK) for item in blocked
    )
    return findings, tuple(Edit(item.path, 0, len(item.text), NOTICE) for item in blocked)


def _place(segment: Segment) -> tuple[str, int] | None:
    found = _MESSAGE.match(segment.path)
    return (found[1], int(found[2])) if found else None


def _newest_message(segments: Sequence[Segment]) -> int:
    return max((place[1] for segment in segments if (place := _place(segment)) and place[0] != _HISTORY), default=-1)


def _is_history(segment: Segment, newest: int) -> bool:
    place = _place(segment)
    return place is not None and (place[0] == _HISTORY or place[1] < newest)
