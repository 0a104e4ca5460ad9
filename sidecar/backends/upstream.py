"""Sends requests to upstreams: chosen, tried again where that is safe, timed, hedged where it is asked for, and streamed.

Who is asked is decided by `sidecar.core.balance`, whether again by `sidecar.core.retries`. READ `Upstreams.send` FIRST.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import pyqwest

from sidecar.backends.upstream_link import BROKEN, Link, received
from sidecar.backends.upstream_metrics import UpstreamMetrics
from sidecar.core.balance import Balancer, Outcome, Ticket, Unavailable
from sidecar.core.retries import RetryBudget, retry_after
from sidecar.core.upstreams import Asking, Outbound, Pool, is_safe_path
from sidecar.errors import (
    DeadlineExceeded,
    MalformedRequest,
    NoUpstream,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from sidecar.rules.upstreams import Forwarding, HealthChecks, Timeouts

# The longest that an upstream's `Retry-After` keeps others away from it.
_COOL_SECONDS = 60.0
# Before the same upstream is asked again; doubled each time, and spread so that not all come back at once.
_BACKOFF_SECONDS = 0.025
_WHY: Final = {
    "residency": "no upstream is in a region where this request may go",
    "overloaded": "every upstream is at its limit of concurrent requests",
    "unhealthy": "no upstream is up",
    "tried": "no upstream could be reached",
}


class _Clock:
    """When one request has to be over: the caller's deadline, less a margin in which we can still say so.

    Args:
        timeouts: of the upstreams file.
        seconds: until the caller's deadline; None: it has none.
        now: monotonic time.
    """

    def __init__(self, timeouts: Timeouts, seconds: float | None, now: Callable[[], float]) -> None:
        self._now = now
        self.fair = timeouts.fair
        # Of a deadline that is very near, the margin must leave something.
        self._until = None if seconds is None else now() + seconds - min(timeouts.margin, seconds / 2)

    def left(self) -> float | None:
        """Return seconds until it has to be over; None: for ever."""
        return None if self._until is None else self._until - self._now()

    def limit(self, own: float) -> tuple[float, bool]:
        """Return the seconds for the next step, and whether it is the caller's deadline that sets them."""
        left = self.left()
        return (own, False) if left is None or left > own else (max(left, 0.0), True)


class Answer:
    """An upstream's answer: status and headers at once, the body as it comes.

    Args:
        owner: learns how the answer ends.
        ticket: the slot that it holds.
        response: from the client library.
        clock: when it has to be over.
    """

    def __init__(self, owner: Upstreams, ticket: Ticket, response: pyqwest.Response, clock: _Clock) -> None:
        self._owner = owner
        self._ticket = ticket
        self._response = response
        self._clock = clock
        self.status = response.status
        self.headers = received(response)

    @property
    def upstream(self) -> str:
        """Who answered."""
        return self._ticket.upstream

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes; nothing is read ahead of the reader but what the connection's window holds.

        Raises:
            UpstreamError: the upstream broke off.
            UpstreamTimeout: it stopped sending.
            DeadlineExceeded: the caller's time was used up.
        """
        pieces = aiter(self._response.content)
        while True:
            seconds, is_callers = self._clock.limit(self._owner.timeouts.idle)
            try:
                async with asyncio.timeout(seconds):
                    piece = await anext(pieces)
            except StopAsyncIteration:
                return
            except TimeoutError:
                self._owner.learn(self._ticket, Outcome.UNKNOWN if is_callers else Outcome.FAILED, "timeout")
                raise _late(self.upstream, is_callers=is_callers) from None
            except (*BROKEN, ConnectionError):
                self._owner.learn(self._ticket, Outcome.FAILED, "broke_off")
                raise UpstreamError(f"the upstream {self.upstream} broke off in the middle of its answer") from None
            yield bytes(piece)

    async def close(self) -> None:
        """Give the connection back, or reset the stream where the answer was not read to its end."""
        try:
            await self._response.__aexit__(None, None, None)
        finally:
            self._owner.leave(self._ticket)


class Upstreams:
    """Every upstream, its connections and its standing.

    Args:
        forwarding: the upstreams file.
        metrics: count.
        clock: monotonic seconds.

    Raises:
        ConfigError: a file that it names cannot be read.
    """

    def __init__(
        self, forwarding: Forwarding, metrics: UpstreamMetrics, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._directory = forwarding.directory
        self._health = forwarding.health
        self._retries = forwarding.retries
        self._hedge = forwarding.hedge
        self.timeouts = forwarding.timeouts
        self._metrics = metrics
        self._clock = clock
        self._budget = RetryBudget(forwarding.retries)
        upstreams = forwarding.directory.upstreams
        self._balancer = Balancer(upstreams.values(), forwarding.outliers, forwarding.breaker)
        self._links = {name: Link(upstream, self.timeouts.connect) for name, upstream in upstreams.items()}
        self._checks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to check the upstreams' health, where the file asks for it."""
        if self._health is not None:
            self._checks = [asyncio.create_task(self._check(name, self._health)) for name in self._links]

    async def close(self) -> None:
        """End the health checks; connections end with their last request."""
        for task in self._checks:
            task.cancel()
        await asyncio.gather(*self._checks, return_exceptions=True)

    def show(self) -> None:
        """Bring the gauges up to date."""
        self._metrics.show(self._balancer, tuple(self._links), self._clock())

    @asynccontextmanager
    async def send(self, outbound: Outbound, asking: Asking, *, seconds: float | None = None) -> AsyncIterator[Answer]:
        """Send a request; the answer's body is read while the context is open.

        Args:
            outbound: what is sent.
            asking: what its way depends on.
            seconds: until the caller's deadline; None where it has none.

        Raises:
            MalformedRequest: it cannot be sent on.
            NoUpstream: no route serves what was asked for.
            UpstreamUnavailable: nobody could be asked; nothing was processed.
            UpstreamError: the upstream broke off; says which, never what was sent.
            DeadlineExceeded: the time was used up, the caller's or, as `UpstreamTimeout`, the upstream's.
        """
        if not is_safe_path(outbound.path):
            raise MalformedRequest("the path is not one that everybody reads alike")
        pool = self._directory.find(asking)
        if pool is None:
            self._metrics.refused.labels("no_route").inc()
            raise NoUpstream("no upstream serves this model")
        answer = await self._answered(pool, outbound, _Clock(self.timeouts, seconds, self._clock))
        try:
            yield answer
        finally:
            await answer.close()

    def learn(self, ticket: Ticket, outcome: Outcome, word: str, seconds: float | None = None) -> None:
        """Learn how an attempt went, and count it."""
        self._metrics.attempts.labels(ticket.upstream, word).inc()
        if seconds is not None:
            self._metrics.seconds.observe(seconds)
        change = self._balancer.learn(ticket, outcome, self._clock())
        if change:
            self._metrics.changes.labels(ticket.upstream, change).inc()

    def leave(self, ticket: Ticket) -> None:
        """Give a slot back."""
        self._balancer.leave(ticket)

    # Attempts

    async def _answered(self, pool: Pool, outbound: Outbound, clock: _Clock) -> Answer:
        """Return the first answer that is not worth another attempt."""
        self._budget.deposit()
        ticket = self._first(pool)
        tried: set[str] = set()
        for again in range(self._retries.attempts - 1, -1, -1):
            tried.add(ticket.upstream)
            try:
                answer = await self._raced(ticket, pool, tried, outbound, clock)
            except UpstreamUnavailable:
                chosen = await self._another(pool, tried, clock, self._backoff(again)) if again else None
                if chosen is None:
                    raise
                self._metrics.retries.labels("unreachable").inc()
            else:
                if answer.status not in self._retries.statuses:
                    return answer
                wait = self._cool(answer)
                chosen = await self._another(pool, tried, clock, wait or self._backoff(again)) if again else None
                if chosen is None:
                    return answer
                await answer.close()
                self._metrics.retries.labels(str(answer.status)).inc()
            ticket = chosen
        raise AssertionError("the last attempt returns or raises")

    def _first(self, pool: Pool) -> Ticket:
        found = self._balancer.pick(pool, self._clock())
        if isinstance(found, Unavailable):
            self._metrics.refused.labels(found.reason).inc()
            raise UpstreamUnavailable(_WHY[found.reason], retry_after=found.retry_after, reason=found.reason)
        return found

    async def _another(self, pool: Pool, tried: set[str], clock: _Clock, wait: float) -> Ticket | None:
        """Return who is asked next: somebody else at once, or whoever can after a wait; None where that helps nobody."""
        if not self._budget.withdraw():
            return None
        found = self._balancer.pick(pool, self._clock(), tried)
        if isinstance(found, Ticket):
            return found
        left = clock.left()
        if wait > self._retries.wait or (left is not None and left <= wait):
            return None
        await asyncio.sleep(wait)
        found = self._balancer.pick(pool, self._clock())
        return found if isinstance(found, Ticket) else None

    def _backoff(self, again: int) -> float:
        return _BACKOFF_SECONDS * 2.0 ** (self._retries.attempts - 1 - again) * random.uniform(1, 2)

    def _cool(self, answer: Answer) -> float:
        """Leave an upstream alone for as long as it asks; return the seconds."""
        wait = retry_after(answer.headers.get("retry-after", ""), wall_now=time.time())
        if wait:
            self._balancer.cool(answer.upstream, self._clock() + min(wait, _COOL_SECONDS))
        return wait

    async def _raced(self, ticket: Ticket, pool: Pool, tried: set[str], outbound: Outbound, clock: _Clock) -> Answer:
        """Make an attempt; where it is slow and the file asks for it, make a second one and take who is first."""
        if self._hedge is None:
            return await self._attempt(ticket, outbound, clock)
        tasks = [asyncio.ensure_future(self._attempt(ticket, outbound, clock))]
        winner: asyncio.Task[Answer] | None = None
        try:
            await asyncio.wait(tasks, timeout=self._hedge.after)
            other = None if tasks[0].done() else self._balancer.pick(pool, self._clock(), tried)
            if isinstance(other, Ticket):
                tried.add(other.upstream)
                self._metrics.hedges.inc()
                tasks.append(asyncio.ensure_future(self._attempt(other, outbound, clock)))
            winner = await _first_good(tasks)
            return winner.result()
        finally:
            await _drop([task for task in tasks if task is not winner])

    async def _attempt(self, ticket: Ticket, outbound: Outbound, clock: _Clock) -> Answer:
        """Ask one upstream."""
        begin = self._clock()
        seconds, is_callers = clock.limit(self.timeouts.answer)
        word, outcome = "cancelled", Outcome.UNKNOWN
        answer: Answer | None = None
        try:
            async with asyncio.timeout(seconds):
                response = await self._links[ticket.upstream].ask(outbound)
            word, outcome = _judge(response.status)
            answer = Answer(self, ticket, response, clock)
        except TimeoutError as error:
            word, outcome = "timeout", Outcome.FAILED
            if isinstance(error, ConnectionError):
                word = "unreachable"
                raise UpstreamUnavailable(f"the upstream {ticket.upstream} cannot be reached in time") from None
            if is_callers and seconds < clock.fair:
                outcome = Outcome.UNKNOWN
            raise _late(ticket.upstream, is_callers=is_callers) from None
        except (*BROKEN, ConnectionError) as error:
            word, outcome = "broke_off", Outcome.FAILED
            if _is_untouched(error):
                word = "unreachable"
                raise UpstreamUnavailable(f"the upstream {ticket.upstream} cannot be reached") from None
            raise UpstreamError(f"the upstream {ticket.upstream} broke off before its answer") from None
        finally:
            self.learn(ticket, outcome, word, self._clock() - begin if answer else None)
            if answer is None:
                self.leave(ticket)
        return answer

    # Health

    async def _check(self, name: str, health: HealthChecks) -> None:
        """Ask one upstream for its health for ever."""
        probe = Outbound("GET", health.path, {}, b"")
        good_in_row = bad_in_row = 0
        while True:
            if await self._is_well(name, probe, health):
                good_in_row, bad_in_row = good_in_row + 1, 0
            else:
                good_in_row, bad_in_row = 0, bad_in_row + 1
            self._metrics.probes.labels(name, "good" if good_in_row else "bad").inc()
            if good_in_row == health.healthy_after or bad_in_row == health.unhealthy_after:
                self._balancer.probe(name, is_healthy=bool(good_in_row))
            # Spread, so that workers that were started together do not ask together.
            await asyncio.sleep(health.interval * random.uniform(0.9, 1.1))

    async def _is_well(self, name: str, probe: Outbound, health: HealthChecks) -> bool:
        try:
            async with asyncio.timeout(health.timeout):
                response = await self._links[name].ask(probe)
                async with response:
                    return response.status in health.statuses
        except Exception:  # noqa: BLE001 - whatever it is, it is not well; a check that ended would be none
            return False


def _judge(status: int) -> tuple[str, Outcome]:
    """Return what a status says about an upstream."""
    if status == 429:
        return "throttled", Outcome.UNKNOWN
    # 501 and 505 are about the request, 500 may be.
    if status == 500:
        return "error_status", Outcome.ERROR
    if status > 500 and status not in (501, 505):
        return "error_status", Outcome.FAILED
    return "answered", Outcome.GOOD


def _is_untouched(error: Exception) -> bool:
    """Tell whether the upstream cannot have begun with the request: never connected, or refused the stream."""
    refused = isinstance(error, pyqwest.StreamError) and error.code is pyqwest.StreamErrorCode.REFUSED_STREAM
    return refused or isinstance(error, ConnectionError)


def _late(upstream: str, *, is_callers: bool) -> DeadlineExceeded:
    if is_callers:
        return DeadlineExceeded(f"the caller's time was used up while the upstream {upstream} was answering")
    return UpstreamTimeout(f"the upstream {upstream} did not answer in time")


async def _first_good(tasks: list[asyncio.Task[Answer]]) -> asyncio.Task[Answer]:
    """Return the first of some tasks that succeeds, or the last of those that fail."""
    waiting = set(tasks)
    while True:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        good = next((task for task in tasks if task in done and task.exception() is None), None)
        if good or not waiting:
            return good or done.pop()


async def _drop(tasks: list[asyncio.Task[Answer]]) -> None:
    """End attempts that are not wanted any more, and close what they brought."""
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Answer):
            await result.close()
