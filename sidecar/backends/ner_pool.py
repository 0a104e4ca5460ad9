"""NER outside the event loop: worker processes, batches, deadlines, a bounded queue, and no silent gaps.

A text that was not read comes back as `unavailable` or `skipped`, never as "nothing found". Workers are killed when
they hang and started anew; they end with the process that started them.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import enum
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Literal, Protocol, Self

import msgspec

from sidecar.core.scan import Found
from sidecar.errors import RecognizerError

Overload = Literal["skip", "wait", "block"]


class NerStatus(enum.Enum):
    """Whether a text was read in full."""

    COMPLETE = "complete"
    # The policy prefers speed: the text passes without NER, counted and visible in the decision.
    SKIPPED = "ner_skipped"
    # We failed; the failure policy decides whether the message passes.
    UNAVAILABLE = "ner_unavailable"


class NerOutcome(msgspec.Struct, frozen=True):
    """What NER says about the texts of one call.

    Args:
        status: only `COMPLETE` means that `found` is everything.
        reason: one of `overload`, `deadline`, `worker_died`, `failed`, `closed`; empty when complete.
        found: findings of each text, in order; empty unless complete.
    """

    status: NerStatus
    reason: str = ""
    found: tuple[tuple[Found, ...], ...] = ()


class Finder(Protocol):
    """What a worker runs."""

    def find(self, texts: Sequence[str]) -> Sequence[Sequence[Found]]:
        """Find the entities of texts."""
        ...


class PoolSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Limits of the pool.

    Args:
        workers: processes.
        queue: calls that may wait; the next one meets `overload`.
        overload: `skip` passes the text without NER, `wait` waits for room until the deadline, `block` fails at once.
        deadline: seconds from a call to its answer, waiting included.
        batch: calls that one worker takes together.
        batch_characters: a batch is closed beyond it, so that a small text never waits for many long ones.
        hung_after: seconds after which a worker that has not answered is killed.
        start_timeout: seconds that a worker may take to load its model.
    """

    workers: int = 1
    queue: int = 256
    overload: Overload = "wait"
    deadline: float = 2.0
    batch: int = 32
    batch_characters: int = 200_000
    hung_after: float = 10.0
    start_timeout: float = 60.0


class _Call(msgspec.Struct):
    texts: tuple[str, ...]
    expires: float
    answer: asyncio.Future[NerOutcome]

    @property
    def characters(self) -> int:
        return sum(map(len, self.texts))


class NerPool:
    """Runs a `Finder` in worker processes; use as an asynchronous context manager.

    Args:
        factory: makes the finder inside the worker; must be picklable, such as a `functools.partial` of a class method.
        settings: limits.
    """

    def __init__(self, factory: Callable[[], Finder], settings: PoolSettings | None = None) -> None:
        self.settings = settings or PoolSettings()
        self._factory = factory
        self._waiting: collections.deque[_Call] = collections.deque()
        self._changed = asyncio.Condition()
        self._workers: list[_Worker] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._closed = False
        # How often a worker was started anew.
        self.restarts = 0

    @property
    def waiting(self) -> int:
        """How many calls wait for a worker."""
        return len(self._waiting)

    async def __aenter__(self) -> Self:
        """Start the workers and wait until each has its model.

        Raises:
            RecognizerError: a worker did not come up.
        """
        self._workers = [_Worker(self._factory) for _ in range(self.settings.workers)]
        try:
            await asyncio.gather(*(worker.start(self.settings.start_timeout) for worker in self._workers))
        except RecognizerError:
            await self.close()
            raise
        self._tasks = [asyncio.create_task(self._serve(worker)) for worker in self._workers]
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Stop the workers."""
        await self.close()

    async def close(self) -> None:
        """Answer what waits as unavailable and end the workers."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        while self._waiting:
            _resolve(self._waiting.popleft(), _unavailable("closed"))
        for worker in self._workers:
            worker.kill()
            worker.release()

    async def find(self, texts: Sequence[str]) -> NerOutcome:
        """Find the entities of texts, within the deadline.

        Returns:
            The findings, or why there are none; never raises for overload, deadline or a dead worker.
        """
        if not texts:
            return NerOutcome(NerStatus.COMPLETE)
        loop = asyncio.get_running_loop()
        expires = loop.time() + self.settings.deadline
        if self._closed:
            return _unavailable("closed")
        if len(self._waiting) >= self.settings.queue and not await self._room(expires):
            status = NerStatus.SKIPPED if self.settings.overload == "skip" else NerStatus.UNAVAILABLE
            return NerOutcome(status, "overload")
        call = _Call(tuple(texts), expires, loop.create_future())
        self._waiting.append(call)
        async with self._changed:
            self._changed.notify_all()
        try:
            return await asyncio.wait_for(asyncio.shield(call.answer), expires - loop.time())
        except TimeoutError:
            _resolve(call, _unavailable("deadline"))
            return call.answer.result()
        finally:
            # A caller that was cancelled leaves nothing behind for a worker to do.
            call.answer.cancel()

    async def _room(self, expires: float) -> bool:
        """Wait for room in the queue where the policy says so; return whether there is some."""
        if self.settings.overload != "wait":
            return False
        left = expires - asyncio.get_running_loop().time()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(left), self._changed:
                await self._changed.wait_for(lambda: self._closed or len(self._waiting) < self.settings.queue)
        return not self._closed and len(self._waiting) < self.settings.queue

    async def _serve(self, worker: _Worker) -> None:
        """Feed one worker for as long as the pool is open."""
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: bool(self._waiting))
                calls = self._take()
                self._changed.notify_all()
            if calls:
                await self._run(worker, calls)

    def _take(self) -> list[_Call]:
        """Take the next batch off the queue, leaving out calls that nobody waits for any more."""
        calls: list[_Call] = []
        room = self.settings.batch_characters
        while self._waiting and len(calls) < self.settings.batch and (room > 0 or not calls):
            call = self._waiting.popleft()
            if not call.answer.done():
                calls.append(call)
                room -= call.characters
        return calls

    async def _run(self, worker: _Worker, calls: list[_Call]) -> None:
        texts = [text for call in calls for text in call.texts]
        try:
            found = await worker.ask(texts, self.settings.hung_after)
        except RecognizerError:
            for call in calls:
                _resolve(call, _unavailable("failed"))
        except _WorkerLostError:
            for call in calls:
                _resolve(call, _unavailable("worker_died"))
            await self._revive(worker)
        except asyncio.CancelledError:
            for call in calls:
                _resolve(call, _unavailable("closed"))
            raise
        else:
            rest = iter(found)
            for call in calls:
                _resolve(call, NerOutcome(NerStatus.COMPLETE, "", tuple(next(rest) for _ in call.texts)))

    async def _revive(self, worker: _Worker) -> None:
        """Start a worker anew, again and again, ever more slowly; calls meet their deadlines meanwhile."""
        pause = 0.1
        while True:
            try:
                await worker.start(self.settings.start_timeout)
            except RecognizerError:
                await asyncio.sleep(pause)
                pause = min(2 * pause, 10.0)
            else:
                self.restarts += 1
                return


def _unavailable(reason: str) -> NerOutcome:
    return NerOutcome(NerStatus.UNAVAILABLE, reason)


def _resolve(call: _Call, outcome: NerOutcome) -> None:
    if not call.answer.done():
        call.answer.set_result(outcome)


class _WorkerLostError(Exception):
    """The process died or hung; it has to be started anew."""


_READY, _FOUND, _FAILED = "ready", "found", "failed"


class _Worker:
    """One process and the thread that talks to it."""

    def __init__(self, factory: Callable[[], Finder]) -> None:
        self._factory = factory
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ner")
        self._process: multiprocessing.process.BaseProcess | None = None
        self._pipe: Connection | None = None

    async def start(self, timeout: float) -> None:  # noqa: ASYNC109 - killing the process is what ends the wait
        """Start the process and wait for its model.

        Raises:
            RecognizerError: it did not come up in time, or its model does not load.
        """
        self.kill()
        try:
            kind, detail = await self._exchange(self._launch, timeout)
        except _WorkerLostError:
            raise RecognizerError("a NER worker did not start") from None
        if kind != _READY:
            self.kill()
            raise RecognizerError(f"a NER worker could not load its model ({detail})")

    async def ask(self, texts: list[str], timeout: float) -> list[tuple[Found, ...]]:  # noqa: ASYNC109 - as above
        """Send texts and wait for the findings.

        Raises:
            RecognizerError: the finder failed on these texts; the worker lives.
            _WorkerLostError: the worker died, or hung and was killed.
        """
        kind, detail = await self._exchange(lambda: self._send(texts), timeout)
        if kind != _FOUND:
            raise RecognizerError(f"NER failed: {detail}")
        return [tuple(Found(*each) for each in one) for one in detail]

    async def _exchange(
        self, send: Callable[[], None], seconds: float
    ) -> tuple[str, list[list[tuple[str, int, int, float]]]]:
        """Send, then receive, in the thread; a worker that is late is killed, which ends the thread's wait."""
        loop = asyncio.get_running_loop()
        turn = loop.run_in_executor(self._thread, self._turn, send)
        # Where the wait is cancelled, nobody else asks how the turn ended.
        turn.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        try:
            done, _ = await asyncio.wait({turn}, timeout=seconds)
        except asyncio.CancelledError:
            self.kill()
            raise
        if not done:
            self.kill()
        return await turn

    def _turn(self, send: Callable[[], None]) -> tuple[str, list[list[tuple[str, int, int, float]]]]:
        try:
            send()
            assert self._pipe is not None
            kind, detail = self._pipe.recv()
        except (EOFError, OSError):
            raise _WorkerLostError from None
        return kind, detail

    def _launch(self) -> None:
        context = multiprocessing.get_context("spawn")
        context.set_executable(_python())
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs, self._factory), daemon=True, name="sidecar-ner")
        process.start()
        theirs.close()
        self._process, self._pipe = process, ours

    def _send(self, texts: list[str]) -> None:
        if self._pipe is None:
            raise _WorkerLostError
        self._pipe.send(texts)

    def kill(self) -> None:
        """End the process at once; nothing it holds is worth waiting for."""
        process = self._process
        if process is not None and process.is_alive():
            process.kill()
            process.join(5)

    def release(self) -> None:
        """Let go of the thread and the pipe."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None


def _python() -> str:
    """Return the interpreter: inside Envoy, `sys.executable` is Envoy."""
    if Path(sys.executable or "").name.startswith("python"):
        return sys.executable
    return str(Path(sys.exec_prefix) / "bin" / "python3")


def _work(pipe: Connection, factory: Callable[[], Finder]) -> None:
    """Be a worker: load, then answer until the pipe closes, which it does when the parent ends, however it ends."""
    # One thread for each process; set before numpy is first imported. The parent decides when to stop.
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        finder = factory()
    except Exception as error:  # noqa: BLE001 - becomes RecognizerError in the parent
        pipe.send((_FAILED, type(error).__name__))
        return
    pipe.send((_READY, ""))
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            pipe.send(_answer(finder, pipe.recv()))


def _answer(finder: Finder, texts: list[str]) -> tuple[str, object]:
    try:
        found = finder.find(texts)
    except Exception as error:  # noqa: BLE001 - becomes RecognizerError in the parent; never carries text
        return _FAILED, type(error).__name__
    return _FOUND, [[(one.entity, one.start, one.end, one.confidence) for one in each] for each in found]
