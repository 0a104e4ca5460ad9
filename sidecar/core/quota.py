"""Rates, concurrency and budgets as plain arithmetic; time comes in as a value, so that every host can use them.

Rates follow the generic cell rate algorithm (ATM Forum TM 4.0, appendix; the leaky bucket as a meter): one number for each
key says when the bucket will be empty. The Redis twin in `backends/redis_quota.py` does the same arithmetic in one script.
"""

from __future__ import annotations

from collections import OrderedDict

import msgspec

# Keys that are remembered; the one unused for longest is forgotten, which can only be generous to it.
KEYS_LIMIT = 100_000


class Rate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much in how long.

    Args:
        amount: units for each period.
        seconds: length of the period.
        burst: units at once; the whole amount where left out.
    """

    amount: float
    seconds: float = 1.0
    burst: float | None = None

    @property
    def interval(self) -> float:
        """Seconds that one unit fills."""
        return self.seconds / self.amount

    @property
    def tolerance(self) -> float:
        """Seconds that may be filled ahead of time."""
        return (self.amount if self.burst is None else self.burst) * self.interval


class Meter:
    """Meters keys against one rate, in this process.

    Args:
        rate: how much in how long.
    """

    def __init__(self, rate: Rate) -> None:
        self._interval = rate.interval
        self._tolerance = rate.tolerance
        self._empty_at: OrderedDict[str, float] = OrderedDict()

    def take(self, key: str, units: float, now: float) -> float:
        """Take units where they are there.

        Args:
            key: whose.
            units: how many.
            now: monotonic seconds.

        Returns:
            0 where they were taken; else the seconds after which they would be, and nothing was taken.
        """
        full_at = max(self._empty_at.get(key, now), now) + units * self._interval
        wait = full_at - now - self._tolerance
        # Rounding of a sum of intervals must not refuse the last unit of a full burst.
        if wait > 1e-9:
            return wait
        self._remember(key, full_at)
        return 0.0

    def charge(self, key: str, units: float, now: float) -> None:
        """Take units that were used already, whether they were there or not."""
        self._remember(key, max(self._empty_at.get(key, now), now) + units * self._interval)

    def _remember(self, key: str, empty_at: float) -> None:
        self._empty_at[key] = empty_at
        self._empty_at.move_to_end(key)
        if len(self._empty_at) > KEYS_LIMIT:
            self._empty_at.popitem(last=False)


class Slots:
    """Counts what is under way at once, by key.

    Args:
        limit: the most at once.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken: dict[str, int] = {}

    def enter(self, key: str) -> bool:
        """Take a slot; false where there is none."""
        taken = self._taken.get(key, 0)
        if taken >= self._limit:
            return False
        self._taken[key] = taken + 1
        return True

    def leave(self, key: str) -> None:
        """Give a slot back."""
        left = self._taken.get(key, 0) - 1
        if left > 0:
            self._taken[key] = left
        else:
            # Also where the slot was taken before a reload changed the limit.
            self._taken.pop(key, None)


class Budget(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may be spent in a period.

    Args:
        amount: tokens, or money.
        seconds: length of the period; periods begin at multiples of it since the epoch, so that a day is a day in UTC.
        soft: share of the amount from which callers are warned.
    """

    amount: float
    seconds: float = 86_400.0
    soft: float = 0.8


class Standing(msgspec.Struct, frozen=True):
    """How a key stands with a budget.

    Args:
        spent: in this period.
        amount: that may be spent.
        is_warned: the soft threshold is reached.
        is_spent: nothing is left.
        resets_in: seconds until the next period.
    """

    spent: float
    amount: float
    is_warned: bool
    is_spent: bool
    resets_in: float


class Ledger:
    """Keeps what keys spent against one budget.

    Args:
        budget: what may be spent.
    """

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._period = -1
        self._spent: dict[str, float] = {}

    def spend(self, key: str, amount: float, now: float) -> None:
        """Add what was spent.

        Args:
            key: by whom.
            amount: how much.
            now: seconds since the epoch.
        """
        self._turn(now)
        self._spent[key] = self._spent.get(key, 0.0) + amount

    def standing(self, key: str, now: float) -> Standing:
        """Return how a key stands at a time in seconds since the epoch."""
        self._turn(now)
        budget, spent = self._budget, self._spent.get(key, 0.0)
        return Standing(
            spent=spent,
            amount=budget.amount,
            is_warned=spent >= budget.soft * budget.amount,
            is_spent=spent >= budget.amount,
            resets_in=(self._period + 1) * budget.seconds - now,
        )

    def _turn(self, now: float) -> None:
        period = int(now // self._budget.seconds)
        # A clock that is set back must not give the budget anew.
        if period > self._period:
            self._period = period
            self._spent.clear()
