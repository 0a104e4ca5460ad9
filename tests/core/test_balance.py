"""The balancer as a state machine: every clock reading is given, no socket, no sleep."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.core.balance import Balancer, Breaker, Outcome, Outliers, Ticket, Unavailable
from sidecar.core.upstreams import Location, Pool, Target, Upstream

GOOD, FAILED, ERROR, UNKNOWN = Outcome


def upstream(name, **more):
    return Upstream(name, Location("127.0.0.1", 1), **more)


def pool(*targets):
    return Pool("p", tuple(Target(*target) if isinstance(target, tuple) else Target(target) for target in targets))


def balancer(*names, outliers=None, breaker=None, **more):
    return Balancer([upstream(name, **more) for name in names], outliers or Outliers(), breaker or Breaker())


def done(balance, where, now, outcome=GOOD):
    """Send one request that ends at once; return who took it and what that led to."""
    ticket = balance.pick(where, now)
    change = balance.learn(ticket, outcome, now)
    balance.leave(ticket)
    return ticket.upstream, change


def test_weights_are_shares():
    """Of 60 requests one after the other, 3 to 2 to 1 is 30, 20, 10."""
    balance, where = balancer("a", "b", "c"), pool(("a", 3), ("b", 2), ("c", 1))

    assert Counter(done(balance, where, 0.0)[0] for _ in range(60)) == {"a": 30, "b": 20, "c": 10}


def test_turns_are_smooth():
    """A heavy target is not asked five times in a row before the light one has its turn."""
    balance, where = balancer("a", "b"), pool(("a", 5), ("b", 1))

    assert [done(balance, where, 0.0)[0] for _ in range(6)] == ["a", "a", "a", "b", "a", "a"]


def test_who_is_busy_gets_less():
    """With ten requests hanging at one of two, the other takes nearly all that follow."""
    balance, where = balancer("a", "b"), pool("a", "b")
    for _ in range(10):
        balance.pick(pool("a"), 0.0)

    assert Counter(done(balance, where, 0.0)[0] for _ in range(24))["b"] >= 20


def test_limit_spills_to_the_next_priority_and_then_refuses():
    """A full upstream is passed over; when all are full the reason says so, and a slot that is given back is used."""
    balance, where = balancer("a", "b", concurrent=1), pool("a", ("b", 1, 1))

    first, second = balance.pick(where, 0.0), balance.pick(where, 0.0)

    assert (first.upstream, second.upstream) == ("a", "b")
    assert balance.pick(where, 0.0) == Unavailable("overloaded")
    balance.leave(first)
    assert balance.pick(where, 0.0) == Ticket("a")


def test_priority_fails_over_and_back():
    """The second region is asked only while the first is down."""
    balance, where = balancer("eu", "us"), pool("eu", ("us", 1, 1))
    before = done(balance, where, 0.0)[0]
    balance.probe("eu", is_healthy=False)
    during = done(balance, where, 0.0)[0]
    balance.probe("eu", is_healthy=True)

    assert (before, during, done(balance, where, 0.0)[0]) == ("eu", "us", "eu")


def test_five_failures_in_a_row_eject():
    """The fifth failure leaves an upstream out; after its time it is asked again."""
    balance, where = balancer("a", "b"), pool("a", "b")
    changes = [done(balance, pool("a"), 0.0, FAILED)[1] for _ in range(5)]

    assert changes == ["", "", "", "", "consecutive"]
    assert {done(balance, where, 1.0)[0] for _ in range(10)} == {"b"}
    assert balance.state("a", 1.0) == "ejected"
    assert {done(balance, where, 11.0)[0] for _ in range(10)} == {"a", "b"}


def test_ejection_lasts_longer_each_time():
    """10, then 20 seconds; after a long good time it starts anew."""
    balance = balancer("a", outliers=Outliers(max_seconds=60.0), breaker=Breaker(failures=1000))
    ends = []
    for begin in (0.0, 30.0, 1000.0):
        done(balance, pool("a"), begin, GOOD)
        while balance.state("a", begin) == "up":
            done(balance, pool("a"), begin, FAILED)
        ends.append(next(s for s in range(100) if balance.state("a", begin + s) == "up"))

    assert ends == [10, 20, 10]


def test_low_success_rate_ejects_without_a_row():
    """Two of three bad, never five in a row: left out once enough was seen."""
    balance = balancer("a")
    changes = [done(balance, pool("a"), 0.0, GOOD if turn % 3 == 0 else FAILED)[1] for turn in range(21)]

    assert [change for change in changes if change] == ["success_rate"]
    assert changes.index("success_rate") == 19


def test_no_more_than_the_share_is_left_out():
    """Of four with all ejected, two are still asked: the rest must not be overrun by nobody."""
    names = ("a", "b", "c", "d")
    balance = balancer(*names, breaker=Breaker(failures=1000))
    for name in names:
        for _ in range(5):
            done(balance, pool(name), 0.0, FAILED)

    assert len({done(balance, pool(*names), 1.0)[0] for _ in range(20)}) == 2


def test_breaker_opens_within_ten_calls_and_lets_one_trial_through():
    """Open: refused at once with the time to wait. Then one trial: bad doubles the pause, good closes."""
    balance, where = balancer("a"), pool("a")
    changes = [done(balance, where, 0.0, FAILED)[1] for _ in range(10)]

    assert changes[-1] == "opened"
    assert balance.pick(where, 1.0) == Unavailable("unhealthy", 1.0)
    trial = balance.pick(where, 10.0)
    assert trial == Ticket("a", is_trial=True)
    assert isinstance(balance.pick(where, 10.0), Unavailable)
    assert balance.learn(trial, FAILED, 10.0) == "opened"
    balance.leave(trial)
    assert isinstance(balance.pick(where, 13.9), Unavailable)
    assert done(balance, where, 14.1) == ("a", "closed")
    assert balance.state("a", 14.1) == "up"


def test_errors_of_requests_shut_nobody():
    """Any number of errors 500 ejects in company, but opens no breaker: one caller's bad prompts must not stop the others."""
    balance = balancer("a", "b")
    changes = [done(balance, pool("a"), 0.0, ERROR)[1] for _ in range(50)]

    assert set(changes) == {"", "consecutive"}
    assert done(balance, pool("a"), 0.0)[0] == "a"
    assert {done(balance, pool("a", "b"), 0.0)[0] for _ in range(10)} == {"b"}


def test_an_error_closes_a_breaker():
    """Whoever answers the trial, with whatever, is there again."""
    balance, where = balancer("a", breaker=Breaker(failures=1)), pool("a")
    done(balance, where, 0.0, FAILED)

    assert done(balance, where, 5.0, ERROR) == ("a", "closed")


def test_a_cancelled_trial_leaves_the_breaker_to_the_next_one():
    """A caller who goes away tells nothing, and does not keep the trial for ever."""
    balance, where = balancer("a", breaker=Breaker(failures=1)), pool("a")
    done(balance, where, 0.0, FAILED)
    trial = balance.pick(where, 5.0)
    balance.learn(trial, UNKNOWN, 5.0)
    balance.leave(trial)

    assert balance.pick(where, 5.0) == Ticket("a", is_trial=True)


def test_a_late_failure_of_an_old_request_is_no_trial():
    """A request from before the breaker opened does not lengthen the pause when it fails at last."""
    balance, where = balancer("a", breaker=Breaker(failures=1)), pool("a")
    old = balance.pick(where, 0.0)
    done(balance, where, 0.0, FAILED)

    assert balance.learn(old, FAILED, 1.0) == ""
    balance.leave(old)
    assert balance.pick(where, 2.1) == Ticket("a", is_trial=True)


def test_cooling_is_asked_for():
    """`Retry-After` keeps requests away until its time, and says how long."""
    balance, where = balancer("a"), pool("a")
    balance.cool("a", 5.0)

    assert (balance.pick(where, 1.0), balance.state("a", 1.0)) == (Unavailable("unhealthy", 4.0), "cooling")
    assert balance.pick(where, 5.0) == Ticket("a")


def test_nobody_in_the_region_is_not_the_same_as_nobody_up():
    """An empty pool is a matter of residency."""
    assert balancer("a").pick(pool(), 0.0) == Unavailable("residency")


STEPS = st.lists(
    st.tuples(st.sampled_from("pgefucht"), st.sampled_from(["a", "b", "c"]), st.floats(0, 20)), max_size=200
)


@settings(max_examples=200, deadline=None)
@given(STEPS)
def test_any_order_of_events_keeps_the_books(steps):
    """Slots never go below zero or above the limit, whoever is picked is sound, and an idle pool recovers."""
    balance, where, now, held = balancer("a", "b", "c", concurrent=3), pool("a", ("b", 2), ("c", 1, 1)), 0.0, []
    for kind, name, seconds in steps:
        now += seconds
        if kind == "p":
            found = balance.pick(where, now)
            if isinstance(found, Ticket):
                assert balance.state(found.upstream, now) in ("up", "trial", "ejected")
                held.append(found)
        elif kind in "gefu" and held:
            ticket = held.pop()
            balance.learn(ticket, {"g": GOOD, "e": ERROR, "f": FAILED, "u": UNKNOWN}[kind], now)
            balance.leave(ticket)
        elif kind == "c":
            balance.cool(name, now + seconds)
        elif kind in "ht":
            balance.probe(name, is_healthy=kind == "h")
        assert sum(balance.in_flight(item) for item in "abc") == len(held)
        assert all(0 <= balance.in_flight(item) <= 3 for item in "abc")
    for ticket in held:
        balance.leave(ticket)
    for item in "abc":
        balance.probe(item, is_healthy=True)

    assert isinstance(balance.pick(where, now + 1000), Ticket)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_an_outage_is_noticed_within_twenty_calls(count):
    """Goal 26: whoever is dead gets no request any more after its tenth failure, alone or in company."""
    names = tuple("abcde"[:count])
    balance = balancer(*names)
    calls = 0
    while isinstance(ticket := balance.pick(pool("a"), 0.0), Ticket):
        balance.learn(ticket, FAILED, 0.0)
        balance.leave(ticket)
        calls += 1

    assert calls <= 20
