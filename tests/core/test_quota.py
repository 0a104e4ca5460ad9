"""Rates, slots and budgets, by hand-made clocks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core import quota
from sidecar.core.quota import Budget, Ledger, Meter, Rate, Slots


def test_burst_then_rate():
    """A burst passes at once; afterwards one unit each interval."""
    meter = Meter(Rate(10, 1.0, burst=3))
    at_once = [meter.take("a", 1, 0.0) for _ in range(4)]

    assert [0.0, 0.0, 0.0, pytest.approx(0.1)] == at_once
    assert [0.0, pytest.approx(0.1)] == [meter.take("a", 1, 0.1), meter.take("a", 1, 0.1)]


def test_keys_do_not_share():
    """One caller's burst costs another nothing."""
    meter = Meter(Rate(1))

    assert [meter.take("a", 1, 0.0), meter.take("b", 1, 0.0)] == [0.0, 0.0]


def test_refusal_takes_nothing():
    """Asking again and again does not make the wait longer."""
    meter = Meter(Rate(1))
    meter.take("a", 1, 0.0)

    assert [meter.take("a", 1, 0.0) for _ in range(5)] == [1.0] * 5


def test_more_than_the_burst_never_fits():
    """What is larger than the burst has to wait, however long it was quiet."""
    assert Meter(Rate(10, 1.0, burst=5)).take("a", 6, 1e6) > 0


@given(st.lists(st.tuples(st.floats(0, 2), st.integers(1, 5)), max_size=60))
def test_never_more_than_rate_and_burst(steps):
    """Over any time, no more passes than the burst and the rate allow."""
    meter, now, passed = Meter(Rate(7, 1.0, burst=5)), 0.0, 0
    for pause, units in steps:
        now += pause
        if not meter.take("k", units, now):
            passed += units

    assert passed <= 5 + 7 * now + 1e-6


def test_charge_may_overdraw():
    """Tokens that an answer used are taken afterwards; the next request waits for them."""
    meter = Meter(Rate(100, 60.0))
    meter.charge("a", 150, 0.0)

    assert meter.take("a", 1, 0.0) == pytest.approx(30.6)


def test_forgotten_keys_are_the_oldest(monkeypatch):
    """Memory is bounded by the number of keys."""
    monkeypatch.setattr(quota, "KEYS_LIMIT", 2)
    meter = Meter(Rate(1))
    for key in "abc":
        meter.take(key, 1, 0.0)

    assert [meter.take("a", 1, 0.0), meter.take("c", 1, 0.0)] == [0.0, 1.0]


def test_slots_are_given_back():
    """The limit holds, and nothing stays behind."""
    slots = Slots(2)
    taken = [slots.enter("a") for _ in range(3)]
    slots.leave("a")

    assert [*taken, slots.enter("a")] == [True, True, False, True]


def test_budget_warns_then_ends_then_begins_anew():
    """Soft and hard thresholds, and the next day."""
    ledger = Ledger(Budget(100, 86_400, soft=0.8))
    seen = []
    for amount in (50, 30, 20):
        ledger.spend("a", amount, 1000.0)
        standing = ledger.standing("a", 1000.0)
        seen.append((standing.is_warned, standing.is_spent))

    assert seen == [(False, False), (True, False), (True, True)]
    assert not ledger.standing("a", 86_400.0 + 1).is_spent


def test_clock_set_back_gives_nothing():
    """A clock that jumps back a day does not refill a budget."""
    ledger = Ledger(Budget(10))
    ledger.spend("a", 10, 200_000.0)

    assert ledger.standing("a", 100_000.0).is_spent
