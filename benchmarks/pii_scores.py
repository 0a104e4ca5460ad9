"""Entity-level precision, recall, F1 and F2 of spans against annotated ones, typed and untyped; overlap counts as a hit."""

from __future__ import annotations

import collections
from collections.abc import Iterable, Sequence
from typing import NamedTuple

Span = tuple[int, int, str]


class Counts(NamedTuple):
    """What was annotated and found, and how much of either the other one touches."""

    gold: int = 0
    found: int = 0
    gold_hit: int = 0
    found_hit: int = 0

    def plus(self, other: Counts) -> Counts:
        """Return the sum."""
        return Counts(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))

    @property
    def precision(self) -> float:
        """Share of what was found that touches something annotated."""
        return self.found_hit / self.found if self.found else 0.0

    @property
    def recall(self) -> float:
        """Share of what is annotated that was touched."""
        return self.gold_hit / self.gold if self.gold else 0.0

    def f(self, beta: float) -> float:
        """Return F-beta; F2 counts a miss four times as much as a false alarm."""
        p, r = self.precision, self.recall
        return (1 + beta**2) * p * r / (beta**2 * p + r) if p + r else 0.0


def count(gold: Sequence[Span], found: Sequence[Span], *, typed: bool) -> Counts:
    """Count one text."""

    def touches(one: Span, other: Span) -> bool:
        return one[0] < other[1] and other[0] < one[1] and (not typed or one[2] == other[2])

    gold_hit = sum(any(touches(one, other) for other in found) for one in gold)
    found_hit = sum(any(touches(one, other) for other in gold) for one in found)
    return Counts(len(gold), len(found), gold_hit, found_hit)


def total(counts: Iterable[Counts]) -> Counts:
    """Return the sum of many."""
    result = Counts()
    for item in counts:
        result = result.plus(item)
    return result


def by_type(golds: Sequence[Sequence[Span]], founds: Sequence[Sequence[Span]]) -> dict[str, Counts]:
    """Count each entity type on its own, over all texts."""
    counts: dict[str, Counts] = collections.defaultdict(Counts)
    for gold, found in zip(golds, founds, strict=True):
        for name in {span[2] for span in (*gold, *found)}:
            mine = [span for span in gold if span[2] == name]
            theirs = [span for span in found if span[2] == name]
            counts[name] = counts[name].plus(count(mine, theirs, typed=True))
    return dict(counts)
