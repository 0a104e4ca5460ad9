"""Retry budgets and `Retry-After`."""

import pytest

from sidecar.core.retries import Retries, RetryBudget, retry_after


def test_budget_pays_for_a_share_of_requests():
    """A reserve of two, then one retry for each five requests."""
    budget = RetryBudget(Retries(budget=0.2, reserve=2))
    first = [budget.withdraw() for _ in range(3)]
    later = []
    for _ in range(20):
        budget.deposit()
        later.append(budget.withdraw())

    assert first == [True, True, False]
    assert sum(later) in (3, 4)  # sums of 0.2 are not exact


def test_budget_does_not_grow_beyond_its_reserve():
    """A quiet day does not pay for a storm."""
    budget = RetryBudget(Retries(budget=1.0, reserve=3))
    for _ in range(100):
        budget.deposit()

    assert [budget.withdraw() for _ in range(4)] == [True, True, True, False]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("", 0),
        ("7", 7),
        (" 7 ", 7),
        ("-1", 0),
        ("soon", 0),
        ("9" * 400, 86_400),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 90),
        ("Thu, 01 Jan 1970 00:00:01 GMT", 0),
        ("\u0663", 0),
    ],
)
def test_retry_after_is_seconds_or_a_date(value, seconds):
    """RFC 9110, section 10.2.3; what cannot be read says nothing."""
    assert retry_after(value, wall_now=10.0) == seconds
