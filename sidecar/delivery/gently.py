"""Loads rules beside requests that are being answered in the same process."""

from __future__ import annotations

import contextlib
import gc
import sys
import threading
from collections.abc import Iterator

# Threads change places every 5 ms by default: so long a request waits for the thread that loads, each time it needs the
# interpreter. Ten times as often costs that thread a few per cent (RATIONALE.md).
_TURN_SECONDS = 0.0005
# Garbage of requests that is frozen along with what was loaded is never freed, and keeps the rules alive that its request
# began with: 11 MiB a reload on host `envoy`. So every so many loads everything is looked at once.
_LOADS_PER_SWEEP = 8
_lock = threading.Lock()
_loading = 0
_loads = 0
_usual = sys.getswitchinterval()


@contextlib.contextmanager
def gently() -> Iterator[None]:
    """Load without holding requests up: short turns, and no look of the garbage collector at what was loaded.

    What was loaded is no garbage until it is replaced, and then it is freed without the collector, as it holds no cycles.
    """
    global _loading, _loads, _usual  # noqa: PLW0603 - the interpreter has one switch interval, whoever loads
    with _lock:
        if not _loading:
            _usual = sys.getswitchinterval()
            sys.setswitchinterval(_TURN_SECONDS)
        _loading += 1
    try:
        yield
        _loads += 1
        if _loads % _LOADS_PER_SWEEP:
            gc.collect(1)
        else:
            gc.unfreeze()
            gc.collect()
        gc.freeze()
    finally:
        with _lock:
            _loading -= 1
            if not _loading:
                sys.setswitchinterval(_usual)
