"""Who of a pool takes the next request: weights, priorities, health, ejection, breakers; a state machine without clock or I/O.

Time comes in as monotonic seconds. READ `Balancer.pick` FIRST; `learn` is where each request's outcome counts.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Final, Literal

import msgspec

from sidecar.core.upstreams import Pool, Target, Upstream


class Outliers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When an upstream is left out because it does worse than it should, while others can do its work.

    Args:
        consecutive: failures in a row.
        success_rate: share of good answers below which it is left out; 0: never for that.
        min_requests: answers in a window before the share means anything.
        window: seconds over which the share is taken.
        seconds: of the first ejection; each further one lasts that much longer.
        max_seconds: of the longest.
        max_share: of a pool that may be left out at once, so that the rest is not overrun.
    """

    consecutive: int = 5
    success_rate: float = 0.5
    min_requests: int = 20
    window: float = 30.0
    seconds: float = 10.0
    max_seconds: float = 300.0
    max_share: float = 0.5


class Breaker(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When an upstream is not asked at all, even if nobody else can take its work.

    Args:
        failures: in a row, after which it opens; an error 500 is none, as it may be the request's own.
        seconds: before one request is let through to try; doubled each time the trial fails.
        max_seconds: the longest.
    """

    failures: int = 10
    seconds: float = 2.0
    max_seconds: float = 60.0


class Outcome(enum.Enum):
    """How a request to an upstream ended, as far as it tells something about the upstream."""

    GOOD = "good"
    FAILED = "failed"
    # It answered, but with an error that may be the request's own: reason to ask others, none to shut it.
    ERROR = "error"
    # The caller went away, or had no time to begin with.
    UNKNOWN = "unknown"


State = Literal["up", "trial", "unhealthy", "ejected", "open", "cooling"]
STATES: Final[tuple[State, ...]] = ("up", "trial", "unhealthy", "ejected", "open", "cooling")


class Unavailable(msgspec.Struct, frozen=True):
    """Why nobody of a pool takes a request.

    Args:
        reason: `residency`: none is where the request must stay; `overloaded`: all are at their limits;
            `unhealthy`: all are down or left out; `tried`: all that could were asked.
        retry_after: seconds until that may change; 0 where nobody knows.
    """

    reason: Literal["residency", "overloaded", "unhealthy", "tried"]
    retry_after: float = 0.0


class Ticket(msgspec.Struct, frozen=True):
    """A slot at an upstream, held while a request is under way.

    Args:
        upstream: its name.
        is_trial: the request tries whether an open breaker may close.
    """

    upstream: str
    is_trial: bool = False


class _Standing:
    """What is known of one upstream."""

    def __init__(self, upstream: Upstream) -> None:
        self.limit = upstream.concurrent
        self.in_flight = 0
        self.is_healthy = True
        self.cooling_until = 0.0
        # In a row: whatever speaks for others, and what speaks against asking at all.
        self.failures = self.breaks = 0
        # The window of the success rate.
        self.since = 0.0
        self.good = self.bad = 0
        # Ejection.
        self.ejected_until = 0.0
        self.ejections = 0
        # The breaker: closed while `opened_until` is 0.
        self.opened_until = 0.0
        self.openings = 0
        self.on_trial = False


class Balancer:
    """Chooses upstreams and learns from what becomes of the requests.

    Args:
        upstreams: all of them.
        outliers: when one is left out.
        breaker: when one is not asked at all.
    """

    def __init__(self, upstreams: Iterable[Upstream], outliers: Outliers, breaker: Breaker) -> None:
        self._outliers = outliers
        self._breaker = breaker
        self._standings = {upstream.name: _Standing(upstream) for upstream in upstreams}
        # Smooth weighted round robin, for each pool: what each target has saved up for its next turn.
        self._credit: dict[str, dict[str, float]] = {}

    def pick(self, pool: Pool, now: float, tried: AbstractSet[str] = frozenset()) -> Ticket | Unavailable:
        """Choose who takes a request and take a slot there; `leave` gives it back.

        Args:
            pool: of the request.
            now: monotonic seconds.
            tried: upstreams that were asked already for this request.
        """
        if not pool.targets:
            return Unavailable("residency")
        excused = self._excused(pool, now)
        for priority in sorted({target.priority for target in pool.targets}):
            ready = [
                target
                for target in pool.targets
                if target.priority == priority
                and target.upstream not in tried
                and self._is_ready(target.upstream, now, excused)
            ]
            if ready:
                return self._begin(self._next(pool.name, ready))
        return self._why(pool, now, tried)

    def learn(self, ticket: Ticket, outcome: Outcome, now: float) -> str:
        """Learn from how a request went so far; an answer that began well may still break off.

        Returns:
            What it led to: `opened`, `closed`, `consecutive`, `success_rate`, or nothing.
        """
        standing = self._standings[ticket.upstream]
        if now - standing.since > self._outliers.window:
            standing.since, standing.good, standing.bad = now, 0, 0
        if outcome is Outcome.GOOD:
            return self._succeeded(standing, now)
        if outcome is Outcome.ERROR:
            return self._erred(standing, now)
        return self._failed(standing, now, was_trial=ticket.is_trial) if outcome is Outcome.FAILED else ""

    def leave(self, ticket: Ticket) -> None:
        """Give a slot back; once for each ticket."""
        standing = self._standings[ticket.upstream]
        standing.in_flight -= 1
        if ticket.is_trial:
            standing.on_trial = False

    def probe(self, name: str, *, is_healthy: bool) -> None:
        """Take what active health checks say."""
        self._standings[name].is_healthy = is_healthy

    def cool(self, name: str, until: float) -> None:
        """Leave an upstream alone until a time, because it asked for that."""
        self._standings[name].cooling_until = max(until, self._standings[name].cooling_until)

    def in_flight(self, name: str) -> int:
        """Return the requests under way."""
        return self._standings[name].in_flight

    def state(self, name: str, now: float) -> State:
        """Return how an upstream stands, the gravest first."""
        standing = self._standings[name]
        if not standing.is_healthy:
            return "unhealthy"
        if standing.opened_until:
            return "open" if now < standing.opened_until else "trial"
        if now < standing.ejected_until:
            return "ejected"
        return "cooling" if now < standing.cooling_until else "up"

    # Choosing

    def _is_ready(self, name: str, now: float, excused: AbstractSet[str]) -> bool:
        standing = self._standings[name]
        return self._is_sound(name, now, excused) and standing.in_flight < standing.limit

    def _is_sound(self, name: str, now: float, excused: AbstractSet[str]) -> bool:
        standing = self._standings[name]
        if not standing.is_healthy or name in excused or now < standing.cooling_until:
            return False
        return not standing.opened_until or (now >= standing.opened_until and not standing.on_trial)

    def _excused(self, pool: Pool, now: float) -> frozenset[str]:
        """Return who is left out: the ejected, up to the share that may be; those who come back last stay out first."""
        ejected = [t.upstream for t in pool.targets if now < self._standings[t.upstream].ejected_until]
        if not ejected:
            return frozenset()
        ejected.sort(key=lambda name: -self._standings[name].ejected_until)
        return frozenset(ejected[: int(self._outliers.max_share * len(pool.targets))])

    def _next(self, pool: str, ready: list[Target]) -> str:
        """Take turns by weight; whoever has much under way gets fewer (Envoy's least request with weights)."""
        credit = self._credit.setdefault(pool, {})
        total = 0.0
        best = ready[0].upstream
        for target in ready:
            share = target.weight / (1 + self._standings[target.upstream].in_flight)
            total += share
            credit[target.upstream] = credit.get(target.upstream, 0.0) + share
            if credit[target.upstream] > credit[best]:
                best = target.upstream
        credit[best] -= total
        return best

    def _begin(self, name: str) -> Ticket:
        standing = self._standings[name]
        standing.in_flight += 1
        # Only an upstream whose breaker may be tried gets here while its breaker is open.
        standing.on_trial = bool(standing.opened_until)
        return Ticket(name, standing.on_trial)

    def _why(self, pool: Pool, now: float, tried: AbstractSet[str]) -> Unavailable:
        excused = self._excused(pool, now)
        names = [target.upstream for target in pool.targets if target.upstream not in tried]
        if not names:
            return Unavailable("tried")
        if any(self._is_sound(name, now, excused) for name in names):
            return Unavailable("overloaded")
        waits = [wait for name in names if (wait := self._back_at(name, excused) - now) > 0]
        return Unavailable("unhealthy", min(waits, default=0.0))

    def _back_at(self, name: str, excused: AbstractSet[str]) -> float:
        standing = self._standings[name]
        ejected_until = standing.ejected_until if name in excused else 0.0
        return max(standing.cooling_until, standing.opened_until, ejected_until)

    # Learning

    def _succeeded(self, standing: _Standing, now: float) -> str:
        standing.good += 1
        standing.failures = 0
        if now - standing.ejected_until > self._outliers.max_seconds:
            standing.ejections = 0
        return self._close(standing)

    def _close(self, standing: _Standing) -> str:
        standing.breaks = 0
        was_open, standing.opened_until, standing.openings = standing.opened_until, 0.0, 0
        return "closed" if was_open else ""

    def _erred(self, standing: _Standing, now: float) -> str:
        standing.bad += 1
        standing.failures += 1
        return self._close(standing) or self._weigh(standing, now)

    def _failed(self, standing: _Standing, now: float, *, was_trial: bool) -> str:
        standing.bad += 1
        standing.failures += 1
        standing.breaks += 1
        if was_trial or (not standing.opened_until and standing.breaks >= self._breaker.failures):
            standing.openings += 1
            pause = self._breaker.seconds * 2.0 ** (standing.openings - 1)
            standing.opened_until = now + min(pause, self._breaker.max_seconds)
            return "opened"
        return "" if standing.opened_until else self._weigh(standing, now)

    def _weigh(self, standing: _Standing, now: float) -> str:
        """Leave an upstream out where it does worse than it should."""
        if now < standing.ejected_until:
            return ""
        if standing.failures >= self._outliers.consecutive:
            return self._eject(standing, now, "consecutive")
        seen = standing.good + standing.bad
        if seen >= self._outliers.min_requests and standing.good < self._outliers.success_rate * seen:
            return self._eject(standing, now, "success_rate")
        return ""

    def _eject(self, standing: _Standing, now: float, reason: str) -> str:
        standing.ejections += 1
        standing.ejected_until = now + min(self._outliers.seconds * standing.ejections, self._outliers.max_seconds)
        standing.good = standing.bad = 0
        return reason
