"""NER as the engine asks for it: a `Recognizer` whose work is done by a pool of processes on a loop of its own.

The engine is synchronous. An adapter that must not wait runs a slow filter in a thread; the pool makes batches of what
all threads ask at a time.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import threading
import time
import weakref
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Protocol, TypeVar

from sidecar.backends.import_lock import LOADING
from sidecar.backends.ner_gate import NameGate
from sidecar.backends.ner_pool import Finder, NerOutcome, NerPool, NerStatus, PoolSettings
from sidecar.backends.ner_settings import SHIPPED_MODEL, NerSettings
from sidecar.backends.ner_windows import windows
from sidecar.core.scan import Found, Gate
from sidecar.errors import ConfigError, RecognizerError

T = TypeVar("T")


# A worker is held for about half a second by so much text.
WINDOWS_AT_ONCE = 4


class Answering(Protocol):
    """Finds names in texts, or says why it could not."""

    @property
    def waiting(self) -> int:
        """How many questions wait."""

    @property
    def restarts(self) -> int:
        """How often a process was started anew."""

    def ask(self, texts: Sequence[str]) -> NerOutcome:
        """Wait for what is found in texts."""
        ...


class NamesRecognizer:
    """Finds names, places and organisations, in texts that could hold one.

    Args:
        source: finds them.
        gate: a cheap look at the text first; None to ask about every text.
    """

    # The scanner cannot know names: any letter asks this recognizer, whose own gate looks closer.
    gates: Sequence[Gate] = (Gate("[a-z]", literal=False), Gate(r"[^\x00-\x7f]", literal=False, caseless=False))

    # For streams: a name ends within its clause, and the words behind it help to tell what it is.
    shapes = (r"\w[^\n!?;]{0,96}",)

    def __init__(self, source: Answering, gate: NameGate | None = None) -> None:
        self._source = source
        self._gate = gate
        # Told of texts that were not read, by status and reason; `sidecar.app` connects it to the metrics.
        self.report_gap: Callable[[str, str], None] = _unreported
        # Told how long each question took, waiting for a process included.
        self.report_wait: Callable[[float], None] = _unmeasured

    @property
    def waiting(self) -> int:
        """How many questions wait for a process."""
        return self._source.waiting

    @property
    def restarts(self) -> int:
        """How often a process was started anew."""
        return self._source.restarts

    def find(self, text: str, fired: Sequence[int]) -> Sequence[Found]:
        """Find the entities of a text.

        Raises:
            RecognizerError: `ner_unavailable`: the text was not read; a policy that says `skip` is no failure.
        """
        del fired
        if self._gate is not None and not self._gate.passes(text):
            return ()
        found: list[Found] = []
        waiting = windows(0, text)
        # A long text is asked about in parts, each with its own deadline: others are not kept waiting behind all of it.
        while part := list(itertools.islice(waiting, WINDOWS_AT_ONCE)):
            for window, spans in zip(part, self._ask([window.text for window in part]), strict=True):
                found += window.keep(spans)
        return found

    def _ask(self, texts: Sequence[str]) -> Sequence[Sequence[Found]]:
        begin = time.perf_counter()
        outcome = self._source.ask(texts)
        self.report_wait(time.perf_counter() - begin)
        if outcome.status is NerStatus.COMPLETE:
            return outcome.found
        self.report_gap(outcome.status.value, outcome.reason)
        if outcome.status is NerStatus.SKIPPED:
            return [()] * len(texts)
        raise RecognizerError(f"{outcome.status.value}: {outcome.reason}")


def _unreported(status: str, reason: str) -> None:
    del status, reason


def _unmeasured(seconds: float) -> None:
    del seconds


class Inline:
    """Runs a finder where it is asked, for command-line tools and tests.

    Args:
        finder: finds.
    """

    waiting = restarts = 0

    def __init__(self, finder: Finder) -> None:
        self._finder = finder

    def ask(self, texts: Sequence[str]) -> NerOutcome:
        """Find at once.

        Raises:
            RecognizerError: the finder failed.
        """
        return NerOutcome(NerStatus.COMPLETE, "", tuple(map(tuple, self._finder.find(texts))))


class NerService:
    """A pool on an event loop in a thread of its own, for callers in any thread; ends when nobody holds it.

    Args:
        factory: makes the finder inside a worker.
        settings: limits.

    Raises:
        ConfigError: the workers do not come up.
    """

    def __init__(self, factory: Callable[[], Finder], settings: PoolSettings | None = None) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=_run, args=(self._loop,), daemon=True, name="ner-loop")
        self._thread.start()
        self._pool: NerPool = self._submit(_make(factory, settings)).result()
        self._end = weakref.finalize(self, _end, self._loop, self._pool)
        try:
            self._submit(self._pool.__aenter__()).result()
        except RecognizerError as error:
            self.close()
            raise ConfigError(f"ner: {error}") from None

    def ask(self, texts: Sequence[str]) -> NerOutcome:
        """Wait for what is found in texts; at most the deadline of the settings."""
        if not self._end.alive:
            return NerOutcome(NerStatus.UNAVAILABLE, "closed")
        return self._submit(self._pool.find(texts)).result()

    @property
    def waiting(self) -> int:
        """How many questions wait for a process."""
        return self._pool.waiting

    @property
    def restarts(self) -> int:
        """How often a process was started anew."""
        return self._pool.restarts

    def close(self) -> None:
        """End the workers now; further calls are unavailable."""
        self._end()
        self._thread.join()

    def _submit(self, work: Coroutine[object, object, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)


async def _make(factory: Callable[[], Finder], settings: PoolSettings | None) -> NerPool:
    return NerPool(factory, settings)


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    loop.run_forever()
    loop.close()


def _end(loop: asyncio.AbstractEventLoop, pool: NerPool) -> None:
    """Begin to end, without waiting: a garbage collector may call this in any thread, the loop's own included."""
    asyncio.run_coroutine_threadsafe(_finish(loop, pool), loop)


async def _finish(loop: asyncio.AbstractEventLoop, pool: NerPool) -> None:
    await pool.close()
    loop.stop()


def load_finder(settings: NerSettings) -> Finder:
    """Load the pipeline; the only place that imports spaCy, so that parents of workers do without."""
    with LOADING:
        from sidecar.backends.ner import NerRecognizer  # noqa: PLC0415 - see above

        return NerRecognizer.load(settings)


def names_recognizer(settings: NerSettings, limits: PoolSettings | None) -> NamesRecognizer:
    """Return a recognizer that is ready.

    Args:
        settings: which pipeline.
        limits: of the pool; None to run in this thread.

    Raises:
        ConfigError: the model does not load.
    """
    gate = NameGate.load(Path(SHIPPED_MODEL)) if settings.gate and not settings.model else None
    if limits is None:
        return NamesRecognizer(Inline(load_finder(settings)), gate)
    return NamesRecognizer(NerService(functools.partial(load_finder, settings), limits), gate)
