"""The supervisor: N workers behind one address, kept alive, reloaded one by one, drained together.

READ `Supervisor.run` FIRST. The supervisor never touches a call; when it dies its workers die with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from sidecar.errors import ConfigError
from sidecar.hosts.control import Message
from sidecar.hosts.listen import Address, Listen
from sidecar.hosts.metrics import Totals
from sidecar.hosts.plan import Plan, worker_listen
from sidecar.hosts.ports import Reservation, private_folder
from sidecar.hosts.process import WorkerProcess
from sidecar.hosts.processors import processors_for
from sidecar.hosts.worker import EXIT_CONFIG, EXIT_SOFTWARE, Spec

_log = logging.getLogger(__name__)

# Restart back-off (reliability.md 3): fast after an accident, slow in a crash loop.
_BACKOFF_FIRST = 0.1
_BACKOFF_MOST = 10.0
# A worker that lived this long had no start-up fault: the back-off begins anew.
_STABLE_SECONDS = 10.0
# So many ends within the window are a crash loop.
_CRASHES = 5
_CRASH_WINDOW_SECONDS = 30.0
_POLL_SECONDS = 1.0
# Exit codes of a worker that cannot start, as long as none ever could.
_FINAL = (EXIT_CONFIG, EXIT_SOFTWARE)


@dataclass
class _Slot:
    """The place of one worker; its process changes with restarts."""

    index: int
    worker: WorkerProcess | None = None
    restarts: int = 0
    is_replaced: bool = False
    ends: deque[float] = field(default_factory=lambda: deque(maxlen=_CRASHES))

    @property
    def is_crash_looping(self) -> bool:
        return len(self.ends) == _CRASHES and time.monotonic() - self.ends[0] < _CRASH_WINDOW_SECONDS


class Supervisor:
    """Runs a plan until it is told to stop.

    Args:
        plan: what to run.
        say: takes the few lines that a person should see.
    """

    def __init__(self, plan: Plan, say: Callable[[str], None] = lambda line: print(line, file=sys.stderr)) -> None:  # noqa: T201 - the default voice is the terminal
        self._plan = plan
        self._say = say
        self._slots = [_Slot(index) for index in range(plan.workers)]
        self._generation = 1
        self._stopping = asyncio.Event()
        self._exit_code = 0
        self._is_ready = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self.totals = Totals()
        self.addresses: tuple[Address, ...] = ()

    async def run(self, *, obeys_signals: bool = True) -> int:
        """Hold the addresses, start the workers, keep them alive until a signal or `stop`; return the exit code.

        Args:
            obeys_signals: whether TERM, INT, HUP and USR2 are ours; not inside a process that has its own use for them.

        Raises:
            ConfigError: an address is taken.
        """
        own = {
            address
            for index in range(self._plan.workers)
            for address in worker_listen(self._plan.listen, index, self._plan.workers).addresses
        }
        order = sorted(own, key=str)
        reservation = Reservation(order)
        taken = dict(zip(order, reservation.addresses, strict=True))
        if obeys_signals:
            self._watch_signals()
        try:
            with private_folder("run") as folder:
                return await self._supervise(taken, folder)
        finally:
            reservation.release()

    def stop(self) -> None:
        """Drain the workers and let `run` return."""
        self._stop(0)

    async def ready(self) -> bool:
        """Wait until every worker takes calls; False if they cannot be started."""
        waiting = {asyncio.create_task(self._is_ready.wait()), asyncio.create_task(self._stopping.wait())}
        _, pending = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        return self._is_ready.is_set()

    async def _supervise(self, taken: dict[Address, Address], folder: Path) -> int:
        listens = [self._listen(index, taken) for index in range(self._plan.workers)]
        self.addresses = tuple(dict.fromkeys(address for listen in listens for address in listen.addresses))
        keepers = [
            asyncio.create_task(self._keep(slot, listen, folder))
            for slot, listen in zip(self._slots, listens, strict=True)
        ]
        poller = asyncio.create_task(self._poll())
        try:
            await self._stopping.wait()
            await asyncio.gather(*(self._end(slot) for slot in self._slots))
        finally:
            for task in (poller, *keepers):
                task.cancel()
            await asyncio.gather(poller, *keepers, return_exceptions=True)
            for slot in self._slots:
                if slot.worker is not None:
                    slot.worker.kill()
                    await slot.worker.close()
        return self._exit_code

    def _listen(self, index: int, taken: dict[Address, Address]) -> Listen:
        listen = worker_listen(self._plan.listen, index, self._plan.workers)
        return replace(listen, addresses=tuple(taken[address] for address in listen.addresses))

    # One worker --------------------------------------------------------------------------------------------------

    async def _keep(self, slot: _Slot, listen: Listen, folder: Path) -> None:
        """Start a worker, wait for its end, start it again: sooner after an accident, later in a crash loop."""
        backoff = _BACKOFF_FIRST
        while not self._stopping.is_set():
            worker = slot.worker = await self._start(slot, listen, folder)
            if await worker.ready(self._plan.start_seconds):
                self._note_ready()
            elif worker.process.returncode is None:
                worker.kill()
            code = await worker.close()
            self.totals.end(slot.index)
            slot.worker = None
            if self._stopping.is_set():
                return
            if code in _FINAL and not self._is_ready.is_set():
                self._stop(code)  # it has said why; starting it again would change nothing
                return
            if slot.is_replaced:
                slot.is_replaced = False
                continue
            lived = time.monotonic() - worker.started
            backoff = _BACKOFF_FIRST if lived > _STABLE_SECONDS else backoff
            await self._note_end(slot, code, backoff)
            backoff = min(_BACKOFF_MOST, backoff * 2)

    async def _start(self, slot: _Slot, listen: Listen, folder: Path) -> WorkerProcess:
        spec = Spec(
            factory=self._plan.factory,
            settings=self._plan.settings,
            listen=listen,
            index=slot.index,
            generation=self._generation,
            processors=tuple(processors_for(self._plan.pin, slot.index)),
        )
        return await WorkerProcess.start(
            spec,
            host=self._plan.host,
            folder=folder,
            asks=lambda worker, message: self._spawn(self._tell(worker, message)),
        )

    async def _note_end(self, slot: _Slot, code: int, backoff: float) -> None:
        slot.restarts += 1
        slot.ends.append(time.monotonic())
        ending = f"signal {-code}" if code < 0 else f"exit code {code}"
        _log.error("worker %d ended with %s; starting it again in %.1f s", slot.index, ending, backoff)
        self._tell_quorum()
        if slot.is_crash_looping:
            self._say(f"worker {slot.index} is in a crash loop: {_CRASHES} ends in {_CRASH_WINDOW_SECONDS:g} s")
            if not self._is_ready.is_set():
                self._stop(EXIT_SOFTWARE)
                return
            backoff = _BACKOFF_MOST
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), backoff)

    async def _end(self, slot: _Slot) -> None:
        if slot.worker is not None:
            await slot.worker.stop(notice=self._plan.notice, grace=self._plan.grace)

    # All workers -------------------------------------------------------------------------------------------------

    @property
    def ready_workers(self) -> int:
        """How many workers take calls now."""
        return sum(slot.worker is not None and slot.worker.is_ready for slot in self._slots)

    @property
    def has_quorum(self) -> bool:
        """Whether at least half of the workers are ready; below that the rest say NOT_SERVING and are spared."""
        return self.ready_workers * 2 >= len(self._slots)

    def status(self) -> dict[str, Any]:
        """Return what `/healthz` shows: per worker its process, restarts and revision."""
        return {
            "ready": self.has_quorum and self._is_ready.is_set() and not self._stopping.is_set(),
            "generation": self._generation,
            "workers": [
                {
                    "worker": slot.index,
                    "pid": slot.worker.process.pid if slot.worker else None,
                    "ready": bool(slot.worker and slot.worker.is_ready),
                    "restarts": slot.restarts,
                    "generation": slot.worker.generation if slot.worker else 0,
                    "revision": slot.worker.revision if slot.worker else "",
                }
                for slot in self._slots
            ],
        }

    def metrics(self) -> str:
        """Return the metrics of all workers, added up, in the text format."""
        extra = {
            "sidecar_workers_ready": self.ready_workers,
            "sidecar_worker_restarts": sum(slot.restarts for slot in self._slots),
            "sidecar_generation": self._generation,
            "sidecar_generation_skew": self._skew(),
        }
        return self.totals.render(extra)

    def _skew(self) -> int:
        """Return by how many generations the last worker is behind the first."""
        found = [slot.worker.generation for slot in self._slots if slot.worker is not None and slot.worker.is_ready]
        return max(found) - min(found) if found else 0

    async def reload(self) -> str:
        """Have the first worker load its rules anew, and the others follow it.

        Returns:
            Why it failed; empty if every worker is on the new rules.
        """
        self._generation += 1
        is_checked = False
        for slot in self._slots:
            if slot.worker is None or not slot.worker.is_ready:
                continue  # it starts with the new rules anyway
            failure = await self._reload_one(slot.worker, is_checked=is_checked)
            if failure:
                self._say(f"reload refused by worker {slot.index}, the rules in use stay: {failure}")
                return failure
            is_checked = True
        self._say(f"reloaded: generation {self._generation}")
        return ""

    async def _reload_one(self, worker: WorkerProcess, *, is_checked: bool) -> str:
        question = {"do": "reload", "generation": self._generation, "is_checked": is_checked}
        answer = await worker.ask(question, seconds=self._plan.start_seconds)
        if answer is None:
            return "no answer"
        worker.revision = answer["revision"]
        worker.generation = answer["generation"]
        return str(answer["failure"])

    async def _tell(self, asking: WorkerProcess, question: Message) -> None:
        """Put one worker's question to all workers, and tell it their answers; who does not do what was activated is replaced."""
        act = question["act"]
        message: Message = {"do": "ask", "act": act}
        if act != "status":
            self._generation += 1
            message["generation"] = self._generation
        slots = [slot for slot in self._slots if slot.worker is not None and slot.worker.is_ready]
        answers = await asyncio.gather(*(self._ask_one(slot, message) for slot in slots))
        asking.tell({"do": "told", "id": question["id"], "workers": answers})
        for slot, answer in zip(slots, answers, strict=True):
            if act != "status" and answer["failure"] and slot.worker is not None:
                self._say(f"worker {slot.index} does not follow, and is replaced: {answer['failure']}")
                slot.is_replaced = True
                self._spawn(slot.worker.stop(notice=0.0, grace=self._plan.grace))

    async def _ask_one(self, slot: _Slot, message: Message) -> Message:
        worker = slot.worker
        answer = await worker.ask(message) if worker is not None else None
        if worker is None or answer is None:
            return {"worker": slot.index, "failure": "no answer"}
        worker.generation = answer["generation"]
        worker.revision = answer.get("revision", worker.revision)
        return {name: value for name, value in answer.items() if name not in ("event", "id")}

    async def restart(self) -> None:
        """Replace every worker by a new process, one after the other; with one worker there is a gap."""
        self._generation += 1
        for slot in self._slots:
            old = slot.worker
            if old is None:
                continue
            slot.is_replaced = True
            await old.stop(notice=self._plan.notice, grace=self._plan.grace)
            deadline = time.monotonic() + self._plan.start_seconds
            while not (slot.worker and slot.worker is not old and slot.worker.is_ready):
                if time.monotonic() > deadline or self._stopping.is_set():
                    return
                await asyncio.sleep(_BACKOFF_FIRST)

    def _note_ready(self) -> None:
        self._tell_quorum()
        if not self._is_ready.is_set() and self.ready_workers == len(self._slots):
            self._is_ready.set()
            where = ", ".join(map(str, self.addresses))
            self._say(f"ready: host {self._plan.host}, {len(self._slots)} workers on {where}")

    def _tell_quorum(self) -> None:
        if not self._is_ready.is_set():
            return
        for slot in self._slots:
            if slot.worker is not None and slot.worker.is_ready:
                slot.worker.tell({"do": "serving", "value": self.has_quorum})

    async def _poll(self) -> None:
        """Collect metrics once a second, and end a worker that hangs."""
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            await asyncio.gather(*(self._poll_one(slot) for slot in self._slots))

    async def _poll_one(self, slot: _Slot) -> None:
        worker = slot.worker
        if worker is None or not worker.is_ready:
            return
        answer = await worker.ask({"do": "stats"})
        if answer is not None:
            self.totals.update(slot.index, answer["metrics"])
            worker.revision, worker.generation = answer["revision"], answer["generation"]
        elif worker.is_ready and not self._stopping.is_set():
            _log.error("worker %d does not answer; ending it", slot.index)
            worker.kill()

    # Signals -----------------------------------------------------------------------------------------------------

    def _watch_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop, 0)
        loop.add_signal_handler(signal.SIGHUP, lambda: self._spawn(self.reload()))
        loop.add_signal_handler(signal.SIGUSR2, lambda: self._spawn(self.restart()))

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _stop(self, code: int) -> None:
        self._exit_code = code
        self._stopping.set()


@contextlib.asynccontextmanager
async def supervised(plan: Plan, say: Callable[[str], None]) -> AsyncIterator[Supervisor]:
    """Run workers beside other work of this process: ready when the block begins, drained when it ends.

    Raises:
        ConfigError: an address is taken, or the workers cannot be started.
    """
    supervisor = Supervisor(plan, say)
    running = asyncio.create_task(supervisor.run(obeys_signals=False))
    waiting = asyncio.create_task(supervisor.ready())
    try:
        await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done() or not waiting.result():
            code = await running
            raise ConfigError(f"the workers cannot be started (exit code {code}); what they said is above")
        yield supervisor
    finally:
        waiting.cancel()
        supervisor.stop()
        await asyncio.gather(running, return_exceptions=True)
