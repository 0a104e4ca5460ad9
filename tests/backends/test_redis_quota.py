"""Quotas of a fleet in a real Redis: exact over many processes, and as the policy says while Redis is away."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from sidecar.backends import redis_client, redis_quota
from sidecar.backends.redis_quota import Fleet, RedisMeters
from sidecar.core.gatekeeper import LocalMeters, Quotas
from sidecar.core.perimeter import Refusal
from sidecar.core.quota import Budget, Rate
from sidecar.errors import ConfigError
from tests.redis_server import Server


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("redis")).start()
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def _patient(monkeypatch):
    monkeypatch.setattr(redis_client, "TIMEOUT_SECONDS", 10.0)  # a busy machine is no Redis that is away


class Clock:
    """A clock that is set by hand."""

    now = 1000.0

    def __call__(self):
        return self.now


def member(server, application, when_down="local", clock=None, **quotas):
    """The meters of one application, as one process of the fleet has them."""
    clock = clock or Clock()
    local = LocalMeters(application, Quotas(**quotas), clock=clock, wall_clock=clock)
    return RedisMeters(Fleet(server.url, when_down=when_down, clock=clock), application, Quotas(**quotas), local)


def code(answer):
    return answer.code if isinstance(answer, Refusal) else None


def test_rate_is_exact_over_a_fleet(shared_server):
    """Eight processes at once get what one would: the burst, and not one more."""
    fleet = [member(shared_server, "rate", requests=Rate(50, seconds=86_400)) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: fleet[number % 8].admit(), range(160)))
    refused = [answer for answer in answers if isinstance(answer, Refusal)]

    assert (len(answers) - len(refused), {answer.code for answer in refused}) == (50, {"rate_limited"})
    assert all(0 < answer.retry_after <= 86_400 / 50 for answer in refused)


def test_slots_are_those_of_the_fleet(shared_server):
    """A slot that one process gives back is free for another; a refusal takes nothing."""
    one, other = (member(shared_server, "slots", concurrent=2) for _ in range(2))
    held = [one.admit(), other.admit()]
    refused = [code(one.admit()), code(other.admit())]
    one.leave(held[0])

    assert (refused, code(other.admit()), code(one.admit())) == (["too_many_at_once"] * 2, None, "too_many_at_once")


def test_a_slot_of_a_dead_process_comes_back(shared_server, monkeypatch):
    """Its lease ends by Redis' own clock."""
    monkeypatch.setattr(redis_quota, "SLOT_SECONDS", 0.05)
    meters = member(shared_server, "lease", concurrent=1)
    meters.admit()
    answers = []
    while not answers or (answers[-1] and len(answers) < 100_000):
        answers.append(code(meters.admit()))

    assert answers[-1] is None


def test_budgets_are_spent_together(shared_server):
    """Warned from the soft threshold on, refused when nothing is left; tokens and money apart."""
    quotas = {"token_budget": Budget(100, soft=0.5), "money_budget": Budget(1e6)}
    one, other = (member(shared_server, "budget", **quotas) for _ in range(2))
    warned = [one.charge(20, 20, 1.5), other.charge(5, 5, 1.5), one.charge(50, 0, 0)]

    assert (warned, code(other.admit())) == ([False, True, True], "token_budget_spent")


def test_bytes_and_tokens_are_taken_together_or_not_at_all(shared_server):
    """What one rate refuses, the other does not lose."""
    quotas = {"bytes": Rate(100, seconds=86_400), "tokens": Rate(10, seconds=86_400)}
    meters = member(shared_server, "together", **quotas)
    answers = [meters.take(40, 4), meters.take(40, 20), meters.take(60, 6), meters.take(1, 0)]

    assert [code(answer) for answer in answers] == [None, "rate_limited", None, "rate_limited"]
    assert "tokens" in answers[1].message
    assert "bytes" in answers[3].message


def test_redis_away_and_back(tmp_path):
    """`local`: own meters go on; `deny`: 503; both ask Redis again after a pause, and nothing waits meanwhile."""
    server, clock = Server(tmp_path).start(), Clock()
    quotas = {"requests": Rate(2, seconds=86_400)}
    local, deny = (member(server, when, when, clock, **quotas) for when in ("local", "deny"))
    before = [code(meters.admit()) for meters in (local, deny)]
    server.stop()
    away = [[code(meters.admit()) for _ in range(3)] for meters in (local, deny)]
    server.start()
    still = code(deny.admit())
    clock.now += redis_quota.PAUSE_SECONDS
    back = [code(meters.admit()) for meters in (local, deny)]
    server.stop()

    assert (before, back) == ([None] * 2, [None] * 2)
    assert away == [[None, None, "rate_limited"], ["quotas_unavailable"] * 3]
    assert still == "quotas_unavailable"


def test_redis_learns_no_names(shared_server):
    """Applications are hashed."""
    meters = member(shared_server, "a-telling-name", requests=Rate(5))
    meters.admit()
    keys = meters._fleet._redis.keys("*")

    assert keys
    assert not any("telling" in key for key in keys)


def test_address_that_is_none():
    """It is refused at the start, by the variable's name, without showing it."""
    with pytest.raises(ConfigError, match="SIDECAR_QUOTA_REDIS"):
        Fleet("nonsense with a password", when_down="local")
