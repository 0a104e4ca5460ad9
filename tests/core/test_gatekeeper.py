"""Admission, limits, budgets and slots of applications."""

from functools import partial

import pytest

from sidecar.core.gatekeeper import Admission, LocalMeters, MeteredGate, Quotas, Usage
from sidecar.core.perimeter import Credentials, Gate, Grant, Perimeter, Refusal
from sidecar.core.quota import Budget, Rate


class Clock:
    """A clock that is set by hand."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def gate(clock, **quotas):
    perimeter = Perimeter(
        gate=Gate(),
        grants=[Grant("shop", models=("small-*",)), Grant("free")],
        hash_key=str,
        keys={"k": "shop", "f": "free"},
        identities={},
        subjects={},
        sockets={},
        tokens=None,
        anonymous="",
    )
    price = lambda usage: usage.completion_tokens / 1000  # noqa: E731 - one expression is the whole price
    meters = partial(LocalMeters, clock=clock, wall_clock=clock)
    return MeteredGate(perimeter, {"shop": Quotas(**quotas)}, price, meters=meters)


def admit(keeper, key="k"):
    return keeper.admit(Credentials(key=key), service="filter")


def code(answer):
    return answer.code if isinstance(answer, Refusal) else None


def test_rate_of_requests(clock):
    """Beyond the rate: 429, with the time to wait; later it passes."""
    keeper = gate(clock, requests=Rate(2))
    answers = [admit(keeper) for _ in range(3)]
    clock.now += 1

    assert [code(answer) for answer in [*answers, admit(keeper)]] == [None, None, "rate_limited", None]
    assert answers[2].retry_after == pytest.approx(0.5)


def test_slots(clock):
    """So many at once; who leaves makes room, and a refused one took none."""
    keeper = gate(clock, concurrent=1)
    first = admit(keeper)
    refused = admit(keeper)
    keeper.leave(first)

    assert [code(first), code(refused), code(admit(keeper))] == [None, "too_many_at_once", None]


@pytest.mark.parametrize(
    ("quotas", "body", "expected"),
    [
        ({}, {"model": "small-1"}, None),
        ({}, {"model": "large-1"}, "model_not_allowed"),
        ({"max_messages": 3}, {"messages": 4}, "too_many_messages"),
        ({"max_tokens": 10}, {"length": 41}, "too_many_tokens"),
        ({"max_tokens": 10}, {"length": 40}, None),
        ({"bytes": Rate(100)}, {"length": 101}, "rate_limited"),
        ({"tokens": Rate(10)}, {"length": 41}, "rate_limited"),
    ],
)
def test_weight_of_a_body(clock, quotas, body, expected):
    """Models, messages, tokens and bytes have their limits."""
    keeper = gate(clock, **quotas)
    weighed = keeper.weigh(admit(keeper), **{"model": "", "length": 0, "messages": 0, **body})

    assert expected == code(weighed)


def test_budget_warns_and_then_blocks(clock):
    """The soft threshold warns, the hard one refuses until the period is over."""
    keeper = gate(clock, money_budget=Budget(1.0, 3600, soft=0.5))
    warned = [keeper.charge(admit(keeper), Usage("small-1", 10, tokens)) for tokens in (400, 200)]
    before = code(admit(keeper))
    keeper.charge(Admission(Grant("shop")), Usage("small-1", 0, 400))
    after = code(admit(keeper))
    clock.now += 3600

    assert (warned, before, after, code(admit(keeper))) == ([False, True], None, "money_budget_spent", None)


def test_completion_tokens_count_against_the_rate(clock):
    """A long answer makes the next request wait."""
    keeper = gate(clock, tokens=Rate(100, 60))
    keeper.charge(admit(keeper), Usage("m", 0, 150))

    assert code(keeper.weigh(admit(keeper), model="", length=4, messages=1)) == "rate_limited"


def test_applications_without_quotas_are_free(clock):
    """What is left out is not limited."""
    keeper = gate(clock, requests=Rate(1))

    assert [code(admit(keeper, "f")) for _ in range(5)] == [None] * 5
