"""How well scores part attacks from benign texts: the same figures as the corpora's own `score.py`."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

# The false-positive rates at which recall is read.
RATES = (0.001, 0.005, 0.01)


class Figures(msgspec.Struct, frozen=True):
    """Figures of one group of texts; those without a meaning (no attacks, no benign texts) are None.

    Args:
        attacks: how many.
        benign: how many.
        recall: share of attacks at or above the threshold.
        false_positives: share of benign texts at or above the threshold.
        auc: area under the ROC curve.
        recall_at: recall at each of `RATES`, by its percentage.
    """

    attacks: int
    benign: int
    recall: float | None
    false_positives: float | None
    auc: float | None
    recall_at: dict[str, float]


def limit_at(benign: Sequence[float], rate: float) -> float:
    """Return the score that attacks must exceed so that at most a share of benign texts does; ties count against us."""
    ordered = sorted(benign, reverse=True)
    allowed = int(rate * len(ordered) + 1e-9)
    return ordered[allowed] if allowed < len(ordered) else -math.inf


def recall_at(attacks: Sequence[float], benign: Sequence[float], rate: float) -> float:
    """Return the share of attacks above what at most a share of benign texts exceeds."""
    limit = limit_at(benign, rate)
    return sum(score > limit for score in attacks) / len(attacks)


def area(attacks: Sequence[float], benign: Sequence[float]) -> float:
    """Return the area under the ROC curve: how often an attack scores above a benign text; ties count half."""
    ordered = sorted(benign)
    wins = 0.0
    for score in attacks:
        low = bisect_left(ordered, score)
        wins += low + (bisect_right(ordered, score) - low) / 2
    return wins / (len(attacks) * len(benign))


def figures(attacks: Sequence[float], benign: Sequence[float], threshold: float, *, pool: Sequence[float]) -> Figures:
    """Work out the figures of a group.

    Args:
        attacks: scores of its attacks.
        benign: scores of its benign texts.
        threshold: from which a text counts as caught.
        pool: benign scores to compare with where the group has none.
    """
    against = benign or pool
    both = bool(attacks) and bool(against)
    return Figures(
        attacks=len(attacks),
        benign=len(benign),
        recall=sum(score >= threshold for score in attacks) / len(attacks) if attacks else None,
        false_positives=sum(score >= threshold for score in benign) / len(benign) if benign else None,
        auc=area(attacks, against) if both else None,
        recall_at={f"{rate:.1%}": recall_at(attacks, against, rate) for rate in RATES} if both else {},
    )
