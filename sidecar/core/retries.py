"""Whether a request may be sent once more: only what no model has begun to answer, and only within a budget."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime

import msgspec


class Retries(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a request that was not processed is sent again, to another upstream where there is one.

    Args:
        attempts: in all; 1 for no retries.
        statuses: of answers that say that nothing was done; none of their bodies is passed on where a retry follows.
        budget: retries for each request, over time, so that retries do not overrun what is left.
        reserve: retries that may be saved up.
        wait: the longest `Retry-After` that is waited for, in seconds; beyond it the answer goes to the caller.
    """

    attempts: int = 3
    statuses: tuple[int, ...] = (429, 503)
    budget: float = 0.2
    reserve: float = 10.0
    wait: float = 1.0


class RetryBudget:
    """Counts what may still be retried: each request pays in, each retry takes out.

    Args:
        retries: how much.
    """

    def __init__(self, retries: Retries) -> None:
        self._ratio = retries.budget
        self._reserve = retries.reserve
        self._left = retries.reserve

    def deposit(self) -> None:
        """Pay in for one request."""
        self._left = min(self._reserve, self._left + self._ratio)

    def withdraw(self) -> bool:
        """Take one retry; false where none is left."""
        if self._left < 1:
            return False
        self._left -= 1
        return True


def retry_after(value: str, *, wall_now: float) -> float:
    """Read a `Retry-After` header (RFC 9110, section 10.2.3).

    Args:
        value: seconds, or a date.
        wall_now: seconds since the epoch.

    Returns:
        Seconds to wait; 0 where the header says nothing that can be read.
    """
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(min(int(text), 86_400)) if len(text) < 8 else 86_400.0
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, aware.timestamp() - wall_now)
