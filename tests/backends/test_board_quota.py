"""Quotas of all workers of a machine: exact over processes, equal to the meters of one, and no slot is lost for ever."""

import random
import subprocess
import sys
from functools import partial

import pytest

from sidecar.backends.board_quota import Board, BoardMeters
from sidecar.core.gatekeeper import LocalMeters, Quotas
from sidecar.core.perimeter import Refusal
from sidecar.core.quota import Budget, Rate

WORKER = """
import sys
from pathlib import Path
from sidecar.backends.board_quota import Board, BoardMeters
from sidecar.core.gatekeeper import Quotas
from sidecar.core.quota import Rate
meters = BoardMeters(Board(Path(sys.argv[1]), int(sys.argv[2])), "shop", Quotas(requests=Rate(500, seconds=86_400)))
print(sum(meters.admit() == "" for _ in range(1000)))
"""


class Clock:
    """A clock that is set by hand."""

    now = 1_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def board(tmp_path):
    opened = []

    def make(worker=0):
        opened.append(Board(tmp_path / "board", worker))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


def code(answer):
    return answer.code if isinstance(answer, Refusal) else answer


def test_processes_together_get_what_one_would(tmp_path):
    """Four at once, a thousand requests each: five hundred pass in all."""
    command = [sys.executable, "-c", WORKER, str(tmp_path / "board")]
    running = [subprocess.Popen([*command, str(n)], stdout=subprocess.PIPE, text=True) for n in range(4)]
    passed = [int(process.communicate(timeout=60)[0]) for process in running]

    assert sum(passed) == 500


def test_answers_are_those_of_local_meters(board):
    """The same steps at the same times, thousands of them: rates, slots, budgets, periods."""
    source, clock = random.Random(7), Clock()
    quotas = Quotas(
        requests=Rate(3, seconds=2, burst=5),
        bytes=Rate(900),
        tokens=Rate(300, seconds=3),
        concurrent=4,
        token_budget=Budget(2000, seconds=60, soft=0.5),
        money_budget=Budget(30, seconds=50),
    )
    shared = BoardMeters(board(), "shop", quotas, clock=clock, wall_clock=clock)
    local = LocalMeters("shop", quotas, clock=clock, wall_clock=clock)
    held = 0
    for _ in range(5000):
        clock.now += source.choice([0, 0, 0.01, 0.3, 2.5])
        step = source.choice(["admit", "take", "charge", "leave"])
        if step == "admit":
            answers = [meters.admit() for meters in (shared, local)]
            held += answers[0] == "slot"
        elif step == "take":
            length = source.randrange(600)
            answers = [meters.take(length, length // 4) for meters in (shared, local)]
        elif step == "charge":
            used = (source.randrange(40), source.randrange(40), source.random())
            answers = [meters.charge(*used) for meters in (shared, local)]
        elif held:
            held -= 1
            answers = [meters.leave("slot") for meters in (shared, local)]

        assert code(answers[0]) == code(answers[1])


def test_slots_of_a_dead_worker_come_back(board):
    """When its successor opens the board; those of others stay."""
    make = partial(BoardMeters, application="shop", quotas=Quotas(concurrent=2))
    dead, other = make(board(0)), make(board(1))
    held = [dead.admit(), other.admit(), code(other.admit())]
    successor = make(board(0))

    assert held == ["slot", "slot", "too_many_at_once"]
    assert [code(successor.admit()), code(successor.admit())] == ["slot", "too_many_at_once"]


def test_applications_have_their_own(board):
    """One that has used up its own leaves the others theirs."""
    shared = board()
    shop, desk = (BoardMeters(shared, name, Quotas(requests=Rate(1, seconds=60))) for name in ("shop", "desk"))

    assert [code(meters.admit()) for meters in (shop, shop, desk)] == ["", "rate_limited", ""]
