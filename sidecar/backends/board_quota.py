"""The meters of all workers of one machine, on one page of shared memory: exact, without a server, in microseconds.

The arithmetic is that of `core.quota`. Time of rates is the machine's monotonic clock, which all its processes share. A
worker that dies leaves its slots behind; they are free again when its successor opens the board.
"""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import os
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sidecar.core.gatekeeper import Quotas, budget_spent, too_many, too_many_at_once
from sidecar.core.perimeter import Refusal
from sidecar.core.quota import Budget, Rate
from sidecar.errors import ConfigError

# More workers than processors of any machine; more applications than a perimeter file is written for.
WORKERS_LIMIT = 256
APPLICATIONS_LIMIT = 1024
# When three rates will be empty; the period and the sum of two budgets.
_STATE = struct.Struct("<3d2q2d")
_COUNT = struct.Struct("<H")
_NAME_BYTES = 16
_RECORD = _NAME_BYTES + _STATE.size + WORKERS_LIMIT * _COUNT.size
_REQUESTS, _BYTES, _TOKENS, _TOKEN_PERIOD, _MONEY_PERIOD, _TOKEN_SPENT, _MONEY_SPENT = range(7)
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
            os.ftruncate(self._file, _RECORD * APPLICATIONS_LIMIT)
            self._page = mmap.mmap(self._file, _RECORD * APPLICATIONS_LIMIT)
        except OSError as error:
            raise ConfigError(f"quotas: cannot use {path}: {error.strerror}") from None
        self._lock = threading.Lock()
        self.worker = worker
        with self.locked():
            for place in range(0, len(self._page), _RECORD):
                self.set_taken(place, 0)

    @contextmanager
    def locked(self) -> Iterator[mmap.mmap]:
        """Hold the page: no other thread, and no other process, is at it meanwhile; a process that dies lets go."""
        with self._lock:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            try:
                yield self._page
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)

    def place(self, application: str) -> int:
        """Return where an application's record is; made where there is none.

        Raises:
            ConfigError: there are too many.
        """
        name = hashlib.blake2b(application.encode(), digest_size=_NAME_BYTES).digest()
        with self.locked() as page:
            for place in range(0, len(page), _RECORD):
                found = page[place : place + _NAME_BYTES]
                if found == name:
                    return place
                if found == bytes(_NAME_BYTES):
                    page[place : place + _NAME_BYTES] = name
                    return place
        raise ConfigError(f"quotas: more than {APPLICATIONS_LIMIT} applications")

    def read(self, place: int) -> list[float]:
        """Return the state of a record."""
        return list(_STATE.unpack_from(self._page, place + _NAME_BYTES))

    def write(self, place: int, state: list[float]) -> None:
        """Set the state of a record."""
        periods = (int(state[_TOKEN_PERIOD]), int(state[_MONEY_PERIOD]))
        _STATE.pack_into(self._page, place + _NAME_BYTES, *state[:3], *periods, *state[5:])

    def taken(self, place: int) -> tuple[int, int]:
        """Return how many slots all workers hold, and how many this one does."""
        counts = struct.unpack_from(f"<{WORKERS_LIMIT}H", self._page, place + _NAME_BYTES + _STATE.size)
        return sum(counts), counts[self.worker]

    def set_taken(self, place: int, count: int) -> None:
        """Set how many slots this worker holds."""
        _COUNT.pack_into(self._page, place + _NAME_BYTES + _STATE.size + self.worker * _COUNT.size, count)

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
        self._quotas = quotas
        self._clock = clock
        self._wall_clock = wall_clock

    def admit(self) -> str | Refusal:
        """Take one request and a slot; returns the slot's name, empty where there are none."""
        quotas, board = self._quotas, self._board
        with board.locked():
            state = self._turned()
            for budget, sum_, what in self._budgets():
                if state[sum_] >= budget.amount:
                    return budget_spent(what, budget.seconds - self._wall_clock() % budget.seconds)
            wait = self._fill(state, _REQUESTS, quotas.requests, 1)
            if wait:
                return too_many("requests", wait)
            if quotas.concurrent:
                taken, own = board.taken(self._place)
                if taken >= quotas.concurrent:
                    return too_many_at_once()
                board.set_taken(self._place, own + 1)
            board.write(self._place, state)
        return "slot" if quotas.concurrent else ""

    def take(self, length: int, tokens: int) -> Refusal | None:
        """Take a request's bytes and estimated tokens: both, or neither."""
        with self._board.locked():
            state = self._board.read(self._place)
            wanted = ((_BYTES, self._quotas.bytes, length, "bytes"), (_TOKENS, self._quotas.tokens, tokens, "tokens"))
            for index, rate, units, what in wanted:
                wait = self._fill(state, index, rate, units)
                if wait:
                    return too_many(what, wait)
            self._board.write(self._place, state)
        return None

    def charge(self, prompt: int, completion: int, money: float) -> bool:
        """Charge what an answer used; true where a budget's soft threshold is reached."""
        with self._board.locked():
            state = self._turned()
            if self._quotas.tokens:
                # The prompt was taken from the rate by estimate when it was weighed.
                begun = max(state[_TOKENS], self._clock())
                state[_TOKENS] = begun + completion * self._quotas.tokens.interval
            state[_TOKEN_SPENT] += prompt + completion
            state[_MONEY_SPENT] += money
            self._board.write(self._place, state)
            return any(state[sum_] >= budget.soft * budget.amount for budget, sum_, _ in self._budgets())

    def leave(self, slot: str) -> None:
        """Give a slot back."""
        if slot:
            with self._board.locked():
                _, own = self._board.taken(self._place)
                self._board.set_taken(self._place, max(0, own - 1))

    def _budgets(self) -> Iterator[tuple[Budget, int, str]]:
        if self._quotas.token_budget:
            yield self._quotas.token_budget, _TOKEN_SPENT, "token"
        if self._quotas.money_budget:
            yield self._quotas.money_budget, _MONEY_SPENT, "money"

    def _turned(self) -> list[float]:
        """Return the state, budgets of a new period begun; a clock that is set back does not begin one."""
        state = self._board.read(self._place)
        for period, (budget, sum_) in (
            (_TOKEN_PERIOD, (self._quotas.token_budget, _TOKEN_SPENT)),
            (_MONEY_PERIOD, (self._quotas.money_budget, _MONEY_SPENT)),
        ):
            current = int(self._wall_clock() // budget.seconds) if budget else 0
            if current > state[period]:
                state[period], state[sum_] = current, 0.0
        return state

    def _fill(self, state: list[float], index: int, rate: Rate | None, units: float) -> float:
        """Fill a bucket where there is room; return how long to wait where there is none."""
        if rate is None:
            return 0.0
        now = self._clock()
        full_at = max(state[index], now) + units * rate.interval
        wait = full_at - now - rate.tolerance
        if wait > _ROUNDING:
            return wait
        state[index] = full_at
        return 0.0
