"""A bundle that runs beside the one in force and decides nothing: its verdicts are compared, in a thread of its own."""

from __future__ import annotations

import queue
import threading
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from sidecar.app import Snapshot
from sidecar.core.filter import Observer, Occasion
from sidecar.core.schemas import request_schema, response_schema
from sidecar.model import Decision, Verdict

# What waits to be compared; beyond that messages go without, and are counted.
_QUEUE_LIMIT = 1000


class _Seen(NamedTuple):
    occasion: Occasion
    verdict: Verdict
    content: bytes | str


class Shadow:
    """Compares the verdicts of a candidate with those that were given.

    Args:
        snapshot: the candidate; it must not report its own decisions to whoever shows decisions to the shadow.
        report: told of each difference, as `allow->block`.
    """

    def __init__(self, snapshot: Snapshot, report: Callable[[str], None]) -> None:
        self.snapshot = snapshot
        self.compared = 0
        self.dropped = 0
        self.failed = 0
        self.differences: Counter[str] = Counter()
        self._report = report
        self._waiting: queue.Queue[_Seen | None] = queue.Queue(_QUEUE_LIMIT)
        self._thread = threading.Thread(target=self._run, name="shadow-rules", daemon=True)
        self._thread.start()

    def offer(self, occasion: Occasion, verdict: Verdict, content: bytes | str) -> None:
        """Take a message that was decided; never waits."""
        try:
            self._waiting.put_nowait(_Seen(occasion, verdict, content))
        except queue.Full:
            self.dropped += 1

    def close(self) -> None:
        """Compare what waits, and end."""
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (seen := self._waiting.get()) is not None:
            try:
                verdict = self._decide(seen)
            except Exception:  # noqa: BLE001 - a candidate's failure is a result, and must not end the comparison
                self.failed += 1
                continue
            self.compared += 1
            if verdict is not seen.verdict:
                change = f"{seen.verdict.label}->{verdict.label}"
                self.differences[change] += 1
                self._report(change)

    def _decide(self, seen: _Seen) -> Verdict:
        occasion = seen.occasion
        check = self.snapshot.filter(occasion.application, occasion.route)
        if isinstance(seen.content, str):
            target = "response.text" if occasion.direction == "response" else "request.user"
            return check.check_text(seen.content, target).decision.verdict
        find = response_schema if occasion.direction == "response" else request_schema
        return check.check_body(seen.content, find(occasion.route), occasion.direction).decision.verdict


class ShadowingObserver:
    """An `Observer` that also shows what was decided to the shadow, if there is one.

    Args:
        inner: counts and records.
    """

    def __init__(self, inner: Observer) -> None:
        self._inner = inner
        # As they are: each is asked once or twice for every message.
        self.clock = inner.clock
        self.mark = inner.mark
        self.shadow: Shadow | None = None

    def observe(self, occasion: Occasion, decision: Decision, content: bytes | str, seconds: float) -> str:
        """Record a decision, and have it compared."""
        shadow = self.shadow
        if shadow is not None and content:
            shadow.offer(occasion, decision.verdict, content)
        return self._inner.observe(occasion, decision, content, seconds)

    def report_gap(self, status: str, reason: str) -> None:
        """Pass a gap on."""
        self._inner.report_gap(status, reason)

    def report_wait(self, seconds: float) -> None:
        """Pass a wait on."""
        self._inner.report_wait(seconds)

    def report_lookup(self, *, is_hit: bool) -> None:
        """Pass a look into the verdict cache on."""
        self._inner.report_lookup(is_hit=is_hit)
