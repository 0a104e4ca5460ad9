"""Payloads that were split over content parts or turns: neighbours are looked at once more, joined."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from sidecar.model import Finding, Kind, Segment

Find = Callable[[Sequence[Segment]], Sequence[Finding]]

# So many neighbours are joined, the newest; of a long one, so much of its head and of its tail.
NEIGHBOURS = 12
EDGE = 128
# Joints between texts that were judged before were looked at then: so much text before the first new one is enough.
REACH = 256
# Between the two edges of a long text, so that nothing matches across them; no rule's gap spans so many of it. A control
# character would be a sign of a disguise, be undone, and cost three more scans.
_BREAK = ")" * 8
# Words may have been cut in two, or between two of them.
_JOINTS = ("", " ")
# What an attacker can cut into pieces.
_TARGETS = ("request.user", "request.tool_result", "request.document")


class _Piece(msgspec.Struct, frozen=True):
    """Where a stretch of a segment stands in a joined text."""

    segment: Segment
    start: int
    end: int
    offset: int


def find_split(
    segments: Sequence[Segment], find: Find, known: Sequence[Finding] = (), fresh: Sequence[Segment] | None = None
) -> list[Finding]:
    """Find what only shows when neighbours are read together.

    Args:
        segments: the texts of a request, in order.
        find: finds what is in texts.
        known: what was found in each text by itself; what only makes one of these longer is no payload that was split.
        fresh: the texts that were not judged before; None for all.

    Returns:
        For each finding that reaches over a joint, one finding in each segment that it touches.
    """
    joined: dict[int, tuple[_Piece, ...]] = {}
    texts: list[Segment] = []
    for target in _TARGETS:
        neighbours = _neighbours([item for item in segments if item.target == target], fresh)
        if len(neighbours) > 1:
            for joint in _JOINTS:
                text, pieces = _join(neighbours, joint)
                whole = Segment(text, target, neighbours[-1].path)
                texts.append(whole)
                joined[id(whole)] = pieces
    if not texts:
        return []
    found: dict[tuple[str, str, int, int], Finding] = {}
    for finding in find(texts):
        touched = [
            piece for piece in joined[id(finding.segment)] if piece.start < finding.end and piece.end > finding.start
        ]
        parts = [_part(finding, piece) for piece in touched]
        if len({part.segment.path for part in parts}) > 1 and not any(_overlap(part, known) for part in parts):
            found |= {(part.rule, part.segment.path, part.start, part.end): part for part in parts}
    return list(found.values())


def _neighbours(texts: Sequence[Segment], fresh: Sequence[Segment] | None) -> Sequence[Segment]:
    """Return the newest texts, from a little before the first new one on; keys of objects and numbers are no neighbours."""
    texts = [item for item in texts if item.kind is Kind.TEXT and not item.path.endswith("~")]
    if fresh is None or len(texts) < 2:
        return texts[-NEIGHBOURS:]
    new = {item.path for item in fresh}
    first = next((index for index, item in enumerate(texts) if item.path in new), None)
    if first is None:
        return ()
    reach = 0
    while first > 0 and reach < REACH:
        first -= 1
        reach += len(texts[first].text)
    return texts[first:][-NEIGHBOURS:]


def _join(neighbours: Sequence[Segment], joint: str) -> tuple[str, tuple[_Piece, ...]]:
    parts: list[str] = []
    pieces: list[_Piece] = []
    length = 0
    for index, segment in enumerate(neighbours):
        text = segment.text
        edges = [(0, text)] if len(text) <= 2 * EDGE else [(0, text[:EDGE]), (len(text) - EDGE, text[-EDGE:])]
        for number, (offset, edge) in enumerate(edges):
            between = _BREAK if number else (joint if index else "")
            parts += (between, edge)
            length += len(between)
            pieces.append(_Piece(segment, length, length + len(edge), offset))
            length += len(edge)
    return "".join(parts), tuple(pieces)


def _part(finding: Finding, piece: _Piece) -> Finding:
    """Return the part of a finding that lies in one segment."""
    start = max(finding.start, piece.start) - piece.start + piece.offset
    end = min(finding.end, piece.end) - piece.start + piece.offset
    return msgspec.structs.replace(finding, segment=piece.segment, start=start, end=end)


def _overlap(part: Finding, known: Sequence[Finding]) -> bool:
    return any(
        other.family == part.family
        and other.segment.path == part.segment.path
        and other.start < part.end
        and part.start < other.end
        for other in known
    )
