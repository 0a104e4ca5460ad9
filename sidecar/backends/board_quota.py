"""The meters of all workers of one machine, on one page of shared memory: exact, without a server, in microseconds.

The arithmetic is that of `core.quota`. Time of rates is the machine's monotonic clock, which all its processes share. A
worker that dies leaves its slots behind; they are free again when its successor opens the board.
"""

from __future__ import annotations

import fcntl
import hashlib
import math
import mmap
import os
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path

from sidecar.core.gatekeeper import Quotas, budget_spent, too_many, too_many_at_once
from sidecar.core.perimeter import Refusal
from sidecar.errors import ConfigError

# More workers than processors of any machine; more applications than a perimeter file is written for.
WORKERS_LIMIT = 256
APPLICATIONS_LIMIT = 1024
# When three rates will be empty; the periods and the sums of two budgets.
_STATE = struct.Struct("<3d2q2d")
_COUNT = struct.Struct("<H")
_NAME_BYTES = 16
_COUNTS = _NAME_BYTES + _STATE.size
_RECORD = _COUNTS + WORKERS_LIMIT * _COUNT.size
_REQUESTS, _BYTES, _TOKENS, _TOKEN_PERIOD, _MONEY_PERIOD, _TOKEN_SPENT, _MONEY_SPENT = range(7)
# How many workers have opened the board.
_HEADER = _COUNT.size
# Rounding of a sum of intervals must not refuse the last unit of a full burst.
_ROUNDING = 1e-9


class Board:
    """The page, as one worker has it.

    Args:
        path: of its file, which the first worker makes.
        worker: which worker this is.

    Raises:
        ConfigError: the file cannot be used, or there are too many workers.
    """

    def __init__(self, path: Path, worker: int) -> None:
        if worker >= WORKERS_LIMIT:
            raise ConfigError(f"quotas: more than {WORKERS_LIMIT} workers; give the fleet a Redis")
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            size = _HEADER + _RECORD * APPLICATIONS_LIMIT
            os.ftruncate(self._file, size)
            self._page = mmap.mmap(self._file, size)
        except OSError as error:
            raise ConfigError(f"quotas: cannot use {path}: {error.strerror}") from None
        self._lock = threading.Lock()
        self._own = _COUNTS + worker * _COUNT.size
        self.acquire()
        try:
            (workers,) = _COUNT.unpack_from(self._page, 0)
            _COUNT.pack_into(self._page, 0, max(workers, worker + 1))
            # What a worker of this number held when it died.
            for place in range(_HEADER, size, _RECORD):
                _COUNT.pack_into(self._page, place + self._own, 0)
        finally:
            self.release()

    def acquire(self) -> None:
        """Hold the page: no other thread, and no other process, is at it meanwhile; a process that dies lets go."""
        self._lock.acquire()
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def release(self) -> None:
        """Let others have the page."""
        fcntl.flock(self._file, fcntl.LOCK_UN)
        self._lock.release()

    def place(self, application: str) -> int:
        """Return where an application's record is; made where there is none.

        Raises:
            ConfigError: there are too many.
        """
        name = hashlib.blake2b(application.encode(), digest_size=_NAME_BYTES).digest()
        page = self._page
        self.acquire()
        try:
            for place in range(_HEADER, len(page), _RECORD):
                found = page[place : place + _NAME_BYTES]
                if found == name:
                    return place
                if found == bytes(_NAME_BYTES):
                    page[place : place + _NAME_BYTES] = name
                    return place
        finally:
            self.release()
        raise ConfigError(f"quotas: more than {APPLICATIONS_LIMIT} applications")

    def read(self, place: int) -> list[float]:
        """Return the state of a record."""
        return list(_STATE.unpack_from(self._page, place + _NAME_BYTES))

    def write(self, place: int, state: list[float]) -> None:
        """Set the state of a record."""
        _STATE.pack_into(self._page, place + _NAME_BYTES, *state)

    def taken(self, place: int) -> int:
        """Return how many slots all workers hold; the page is held meanwhile, so that it only falls."""
        (workers,) = _COUNT.unpack_from(self._page, 0)
        return sum(struct.unpack_from(f"<{workers}H", self._page, place + _COUNTS))

    def hold(self, place: int, change: int) -> None:
        """Note that this worker holds more or fewer slots: a figure that nobody else writes."""
        (own,) = _COUNT.unpack_from(self._page, place + self._own)
        _COUNT.pack_into(self._page, place + self._own, max(0, own + change))

    def let_go(self, place: int) -> None:
        """Note that this worker holds one slot less, while others may be at the page."""
        with self._lock:
            self.hold(place, -1)

    def close(self) -> None:
        """Let go of the page."""
        self._page.close()
        os.close(self._file)


class BoardMeters:
    """The meters of one application, for all workers of this machine.

    Args:
        board: where they are.
        application: its name.
        quotas: how much it may do.
        clock: monotonic seconds, for rates; the same for all processes.
        wall_clock: seconds since the epoch, for budgets.
    """

    def __init__(
        self,
        board: Board,
        application: str,
        quotas: Quotas,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._board = board
        self._place = board.place(application)
        self._concurrent = quotas.concurrent or 0
        self._turns_at = 0.0
        self._requests, self._bytes, self._tokens = (
            (rate.interval, rate.tolerance) if rate else None for rate in (quotas.requests, quotas.bytes, quotas.tokens)
        )
        budgets = ((quotas.token_budget, _TOKEN_SPENT, "token"), (quotas.money_budget, _MONEY_SPENT, "money"))
        self._budgets = [(budget, sum_, what) for budget, sum_, what in budgets if budget is not None]
        self._clock = clock
        self._wall_clock = wall_clock

    def admit(self) -> str | Refusal:
        """Take one request and a slot; returns the slot's name, empty where there are none."""
        board = self._board
        board.acquire()
        try:
            state = self._turned()
            for budget, sum_, what in self._budgets:
                if state[sum_] >= budget.amount:
                    return budget_spent(what, budget.seconds - self._wall_clock() % budget.seconds)
            wait = self._fill(state, _REQUESTS, self._requests, 1)
            if wait:
                return too_many("requests", wait)
            if self._concurrent:
                if board.taken(self._place) >= self._concurrent:
                    return too_many_at_once()
                board.hold(self._place, 1)
            board.write(self._place, state)
        finally:
            board.release()
        return "slot" if self._concurrent else ""

    def take(self, length: int, tokens: int) -> Refusal | None:
        """Take a request's bytes and estimated tokens: both, or neither."""
        board = self._board
        if self._bytes is None and self._tokens is None:
            return None
        board.acquire()
        try:
            state = board.read(self._place)
            wait = self._fill(state, _BYTES, self._bytes, length)
            if wait:
                return too_many("bytes", wait)
            wait = self._fill(state, _TOKENS, self._tokens, tokens)
            if wait:
                return too_many("tokens", wait)
            board.write(self._place, state)
        finally:
            board.release()
        return None

    def charge(self, prompt: int, completion: int, money: float) -> bool:
        """Charge what an answer used; true where a budget's soft threshold is reached."""
        rate, board = self._tokens, self._board
        if rate is None and not self._budgets:
            return False
        board.acquire()
        try:
            state = self._turned()
            if rate is not None:
                # The prompt was taken from the rate by estimate when it was weighed.
                state[_TOKENS] = max(state[_TOKENS], self._clock()) + completion * rate[0]
            state[_TOKEN_SPENT] += prompt + completion
            state[_MONEY_SPENT] += money
            board.write(self._place, state)
        finally:
            board.release()
        return any(state[sum_] >= budget.soft * budget.amount for budget, sum_, _ in self._budgets)

    def leave(self, slot: str) -> None:
        """Give a slot back."""
        if slot:
            self._board.let_go(self._place)

    def _turned(self) -> list[float]:
        """Return the state, budgets of a new period begun; a clock that is set back does not begin one."""
        state = self._board.read(self._place)
        now = self._wall_clock() if self._budgets else 0.0
        if now >= self._turns_at:
            ends = []
            for budget, sum_, _ in self._budgets:
                period = sum_ - (_TOKEN_SPENT - _TOKEN_PERIOD)
                current = int(now // budget.seconds)
                ends.append((current + 1) * budget.seconds)
                if current > state[period]:
                    state[period], state[sum_] = current, 0.0
            # At once, as what asks may still be refused, and nobody looks again before the next period.
            self._board.write(self._place, state)
            # Nothing to do until then; whoever comes first afterwards begins the period for all.
            self._turns_at = min(ends, default=math.inf)
        return state

    def _fill(self, state: list[float], index: int, rate: tuple[float, float] | None, units: float) -> float:
        """Fill a bucket where there is room; return how long to wait where there is none."""
        if rate is None:
            return 0.0
        now = self._clock()
        interval, tolerance = rate
        full_at = max(state[index], now) + units * interval
        wait = full_at - now - tolerance
        if wait > _ROUNDING:
            return wait
        state[index] = full_at
        return 0.0
