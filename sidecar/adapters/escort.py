"""What goes along with an exchange beside its transaction: the perimeter, the way to an upstream, a clock, a trace."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import msgspec

from sidecar.adapters.tracing import ExchangeTrace
from sidecar.core.api_errors import Fault
from sidecar.core.dispatch import Dispatch
from sidecar.core.entrance import Entrance
from sidecar.core.exchange import (
    Action,
    BodyEvent,
    Continue,
    Event,
    HeaderEdits,
    HeadersEvent,
    Reject,
    ReplaceBody,
    SendChunk,
    TrailersEvent,
)


class Timings(msgspec.Struct, frozen=True):
    """Told how long upstreams take, as far as it can be seen from here.

    Args:
        upstream: seconds from the request's leaving to the answer's headers.
        first_token: seconds from the request's leaving to the first bytes of the answer that are released.
    """

    upstream: Callable[[float], object]
    first_token: Callable[[float], object]


class Stopwatch:
    """Measures one exchange.

    Args:
        timings: told the seconds.
        clock: in seconds.
    """

    def __init__(self, timings: Timings, clock: Callable[[], float] = time.perf_counter) -> None:
        self._timings = timings
        self._clock = clock
        self._left = 0.0
        self._is_local = False
        self._has_token = False

    def see(self, event: Event, actions: Sequence[Action]) -> None:
        """Take an event and what was answered to it."""
        if event.direction == "request":
            is_whole = isinstance(event, TrailersEvent) or event.end
            if is_whole and not any(isinstance(action, Reject) for action in actions):
                self._left = self._clock()
        elif not self._left:
            return
        elif isinstance(event, HeadersEvent):
            # The host's own answers say nothing about upstreams.
            self._is_local = event.is_local and "response.code_details" in event.attributes
            if not self._is_local:
                self._timings.upstream(self._clock() - self._left)
        elif not self._has_token and not self._is_local and any(_releases(action, event) for action in actions):
            self._has_token = True
            self._timings.first_token(self._clock() - self._left)


def _releases(action: Action, event: Event) -> bool:
    if isinstance(action, SendChunk | ReplaceBody):
        return bool(action.data)
    return isinstance(action, Continue) and isinstance(event, BodyEvent) and bool(event.data)


class Escort:
    """Goes along with one exchange.

    Args:
        entrance: the perimeter; None: callers are believed.
        dispatch: chooses the way; None: there is one.
        stopwatch: measures; None: nobody asks.
        trace: the exchange's span; None: it has none.
        hidden: a header that is for us alone; empty: none.
    """

    def __init__(
        self,
        entrance: Entrance | None = None,
        dispatch: Dispatch | None = None,
        stopwatch: Stopwatch | None = None,
        *,
        trace: ExchangeTrace | None = None,
        hidden: str = "",
    ) -> None:
        self._entrance = entrance
        self._dispatch = dispatch
        self._stopwatch = stopwatch
        self._trace = trace
        self._hidden = hidden

    def before(self, event: Event) -> Fault | None:
        """Take the next part of the exchange, before the transaction does; a fault refuses it."""
        if self._trace:
            self._trace.receive(event)
        fault = self._entrance.receive(event) if self._entrance else None
        return fault or self.choose(event)

    def choose(self, event: Event) -> Fault | None:
        """Take a part that the perimeter has seen already."""
        return self._dispatch.receive(event) if self._dispatch else None

    def after(self, event: Event, actions: Sequence[Action]) -> Sequence[Action]:
        """Take what the transaction answers, and return what the host is told."""
        if self._stopwatch:
            self._stopwatch.see(event, actions)
        if self._trace:
            for action in actions:
                self._trace.act(action)
        if event.direction == "response":
            return actions
        if self._hidden and isinstance(event, HeadersEvent) and event.get(self._hidden):
            actions = [_without(action, self._hidden) for action in actions]
        return self._dispatch.mark(actions) if self._dispatch else actions


def _without(action: Action, name: str) -> Action:
    if not isinstance(action, Continue):
        return action
    edits = HeaderEdits(action.edits.set, (*action.edits.remove, name))
    return msgspec.structs.replace(action, edits=edits)
