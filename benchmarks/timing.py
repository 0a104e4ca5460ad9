"""Time of functions in this process: contenders alternate, so that all meet the same noise."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from benchmarks.report import Series

# Short enough that turns of all contenders meet the same noise, long enough for the clock.
_LEAST_SECONDS = 0.02
# A call that is longer than this is its own average: one round a turn is enough.
_LONG_SECONDS = 0.2


def in_turns(
    calls: Mapping[str, Callable[[], object]], turns: int, *, seconds: float = _LEAST_SECONDS, rounds: int = 3
) -> dict[str, Series]:
    """Time functions in turns, each after a warm-up.

    Args:
        calls: by the name of the contender.
        turns: how often each is measured.
        seconds: the least processor time of one round.
        rounds: rounds of a turn; the best counts, as noise only adds.

    Returns:
        Microseconds of processor time for one call, a value a turn.
    """
    counts = {name: _calibrate(call, seconds) for name, call in calls.items()}
    if any(count == 1 and _spent(calls[name], 1) > _LONG_SECONDS for name, count in counts.items()):
        rounds = 1
    values: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(turns):
        best = dict.fromkeys(calls, float("inf"))
        for _ in range(rounds):
            for name, call in calls.items():
                best[name] = min(best[name], _spent(call, counts[name]) / counts[name] * 1e6)
        for name, value in best.items():
            values[name].append(value)
    return {name: Series(name, tuple(each)) for name, each in values.items()}


def _calibrate(call: Callable[[], object], seconds: float) -> int:
    """Return how many calls fill a round; warms up on the way."""
    call()
    count = 1
    while True:
        spent = _spent(call, count)
        if spent >= seconds:
            return count
        count = max(count * 2, int(count * seconds / max(spent, 1e-7)))


def _spent(call: Callable[[], object], count: int) -> float:
    # Of this thread alone: what other processes take from us does not count.
    begin = time.thread_time()
    for _ in range(count):
        call()
    return time.thread_time() - begin
