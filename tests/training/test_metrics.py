"""Figures agree with their definitions; ties count against us."""

from __future__ import annotations

import pytest

from sidecar.training.metrics import area, figures, recall_at


def test_recall_is_read_above_what_benign_texts_reach() -> None:
    """At 10 % of ten benign texts one may score as high; a tie with the next one is no catch."""
    benign = [0.1] * 8 + [0.5, 0.9]

    assert recall_at([0.6, 0.5, 0.95], benign, 0.1) == pytest.approx(2 / 3)
    assert recall_at([0.6, 0.5, 0.95], benign, 0.0) == pytest.approx(1 / 3)


def test_area_counts_ties_half() -> None:
    """Half of the pairs are won, a quarter tie."""
    assert area([1.0, 0.5], [0.5, 0.7]) == pytest.approx((2 + 0.5) / 4)


def test_a_group_without_benign_texts_uses_the_pool() -> None:
    """Attacks alone are read against the benign texts of all sources, and have no false-positive rate."""
    item = figures([0.9, 0.2], [], 0.8, pool=[0.1, 0.3])

    assert item.recall == pytest.approx(0.5)
    assert item.false_positives is None
    assert item.auc == pytest.approx(3 / 4)
