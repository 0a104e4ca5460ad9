"""One worker, whatever host carries it: builds the services, answers the supervisor, drains and stops.

A worker is a process of its own. The supervisor describes it in one environment variable and talks to it over an
inherited socket. READ `Worker.run` FIRST.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import importlib
import itertools
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import msgspec

from sidecar.adapters.rpc import Metadata, Method
from sidecar.errors import ConfigError, SidecarError
from sidecar.hosts import logs
from sidecar.hosts.control import Channel, Message
from sidecar.hosts.failure import describe
from sidecar.hosts.gate import Gate
from sidecar.hosts.health import Health
from sidecar.hosts.listen import Listen
from sidecar.hosts.reflection import Reflection

SPEC_VARIABLE = "SIDECAR_WORKER"

# Exit codes of sysexits.h; the supervisor does not restart a worker that cannot be configured.
EXIT_CONFIG = 78
EXIT_SOFTWARE = 70

_PR_SET_PDEATHSIG = 1
# The supervisor waits for the slowest worker; see `WorkerProcess.ask`.
_TOLD_SECONDS = 40.0


AskAll = Callable[[str], Awaitable[list[Message]]]


async def _nothing() -> None:
    return


def _no_need(ask: AskAll) -> None:
    del ask


def _no_metrics() -> str:
    return ""


def _no_revision() -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Workload:
    """What a worker serves; a factory makes it inside the worker from the settings of the command line.

    Args:
        methods: the services.
        revision: the revision of the rules in use now.
        reload: load rules and policy anew and swap them; an exception means that the old ones stay.
        ask: does what another worker asks (see `connect`), and says how it went: `failure`, and whatever else it has to say.
        connect: takes the way to all workers: a coroutine that puts a word to the `ask` of each, this one included.
        start: begin background work, in the worker's event loop, before the first call.
        close: end background work and flush, after the last call.
        metrics: all metrics of this process in Prometheus' text format.
        aliases: services whose descriptor has another name than the wire (see `Reflection`).
    """

    methods: tuple[Method, ...]
    revision: Callable[[], str] = _no_revision
    reload: Callable[[], Awaitable[None]] = _nothing
    ask: Callable[[str], Awaitable[Message]] | None = None
    connect: Callable[[AskAll], None] = _no_need
    start: Callable[[], Awaitable[None]] = _nothing
    close: Callable[[], Awaitable[None]] = _nothing
    metrics: Callable[[], str] = _no_metrics
    aliases: Mapping[str, str] = field(default_factory=dict)


class Spec(msgspec.Struct, frozen=True):
    """How the supervisor describes a worker to itself.

    Args:
        factory: `module:function` that makes the `Workload` from `settings`.
        settings: handed to the factory, with the index as `worker`.
        listen: where this worker listens.
        index: 0 .. workers - 1.
        generation: counts starts and reloads of the whole sidecar.
        control: the file descriptor of the worker's end of the line to the supervisor.
        admin: path of the Unix socket of Envoy's admin interface; empty on other hosts.
        parent: the supervisor's process; 0 where there is none.
        processors: the processors that it may run on; empty for all.
    """

    factory: str
    settings: dict[str, Any]
    listen: Listen
    index: int = 0
    generation: int = 1
    control: int = -1
    admin: str = ""
    parent: int = 0
    processors: tuple[int, ...] = ()

    def to_environment(self) -> dict[str, str]:
        """Return the environment variable that carries this."""
        return {SPEC_VARIABLE: msgspec.json.encode(self, enc_hook=str).decode()}

    @classmethod
    def from_environment(cls) -> Spec:
        """Read the description that this process was started with."""
        return msgspec.json.decode(os.environ[SPEC_VARIABLE], type=cls, dec_hook=_decode_path)


def _decode_path(kind: type, value: Any) -> Any:
    return kind(value)


def make_workload(factory: str, settings: Mapping[str, Any]) -> Workload:
    """Import `module:function` and call it.

    Raises:
        ConfigError: there is no such function.
    """
    module, _, name = factory.partition(":")
    make = getattr(importlib.import_module(module), name, None)
    if make is None:
        raise ConfigError(f"{factory}: no such factory")
    workload = make(settings)
    if not isinstance(workload, Workload):
        raise ConfigError(f"{factory}: does not make a Workload")
    return workload


class Carrier(Protocol):
    """What carries the bytes for a worker: grpc.aio in its process, or the Envoy around it."""

    async def listening(self) -> None:
        """Return once clients can connect."""

    async def stop(self, grace: float) -> None:
        """Stop taking connections, and let calls in flight end for at most `grace` seconds."""


class Worker:
    """One worker's life from build to drain.

    Args:
        spec: what the supervisor asked for.
    """

    def __init__(self, spec: Spec) -> None:
        logs.begin(worker=spec.index)
        self.spec = spec
        self.gate = Gate(spec.listen.limits.max_concurrent_calls)
        self._generation = spec.generation
        self._workload = Workload(methods=())
        self._channel: Channel | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._numbers = itertools.count()
        self._asked: dict[int, asyncio.Future[list[Message]]] = {}
        self.health = Health((), self._identity)
        self.stopped = asyncio.Event()

    async def build(self) -> tuple[Method, ...]:
        """Make the workload, with health and reflection beside it.

        Raises:
            SidecarError: rules, policy or settings cannot be used.
        """
        with _collector_at_rest():
            self._workload = make_workload(self.spec.factory, {**self.spec.settings, "worker": self.spec.index})
        await self._workload.start()
        services = tuple({method.service for method in self._workload.methods})
        self.health = Health(services, self._identity)
        methods = (*self._workload.methods, *self.health.methods())
        return (*methods, *Reflection(methods, dict(self._workload.aliases)).methods())

    async def run(self, carrier: Carrier) -> None:
        """Report ready, then obey the supervisor until it says stop or dies; the calls are the carrier's business."""
        self.health.set_serving(True)
        await carrier.listening()
        if self.spec.control >= 0:
            self._channel = await Channel.open(socket.socket(fileno=self.spec.control))
            self._workload.connect(self._ask_all)
            self._send({"event": "ready", "pid": os.getpid(), "revision": self._workload.revision()})
            async for message in self._channel:
                if await self._obey(message, carrier):
                    break
            else:
                # The supervisor died without a word: an orphan must not keep answering with rules that nobody updates.
                os._exit(EXIT_SOFTWARE)
        await self.stopped.wait()

    async def close(self) -> None:
        """Flush what the services hold."""
        await self._workload.close()

    async def _obey(self, message: Message, carrier: Carrier) -> bool:
        """Do what a message asks; return whether it was the last."""
        match message["do"]:
            case "stats":
                self._answer(message, self._stats())
            case "serving":
                self.health.set_serving(message["value"])
            # Loading takes seconds, in which the supervisor must not take us for dead.
            case "reload":
                self._spawn(self._reload(message))
            case "ask":
                self._spawn(self._asked_for(message))
            case "told":
                if (asked := self._asked.get(message["id"])) is not None and not asked.done():
                    asked.set_result(message["workers"])
            case "drain":
                self.health.set_serving(False)
                await asyncio.sleep(message["notice"])
                await carrier.stop(message["grace"])
                await self.close()
                self._answer(message, {"in_flight": self.gate.in_flight})
                self.stopped.set()
                return True
        return False

    async def _reload(self, message: Message) -> None:
        failure = ""
        try:
            if message["is_checked"] and self._workload.ask is not None:
                failure = str((await self._workload.ask("refresh"))["failure"])
            else:
                await self._workload.reload()
        except SidecarError as error:
            failure = str(error)
        except Exception as error:  # noqa: BLE001 - a failed reload keeps the old rules, whatever failed
            failure = describe(error)
        if not failure:
            self._generation = message["generation"]
        told = {"failure": failure, "revision": self._workload.revision(), "generation": self._generation}
        self._answer(message, told)

    async def _asked_for(self, message: Message) -> None:
        """Do what another worker, or the supervisor, asks; what was done is counted by the generation."""
        try:
            assert self._workload.ask is not None
            answer = await self._workload.ask(message["act"])
        except Exception as error:  # noqa: BLE001 - the one who asked is told, and must not wait for us
            answer = {"failure": describe(error)}
        if "generation" in message and not answer.get("failure"):
            self._generation = message["generation"]
        told = {"worker": self.spec.index, "pid": os.getpid(), "generation": self._generation}
        self._answer(message, {**answer, **told})

    async def _ask_all(self, act: str) -> list[Message]:
        number = next(self._numbers)
        answer = self._asked[number] = asyncio.get_running_loop().create_future()
        self._send({"event": "ask", "id": number, "act": act})
        try:
            return await asyncio.wait_for(answer, _TOLD_SECONDS)
        except TimeoutError:
            return [{"worker": self.spec.index, "failure": "the supervisor does not answer"}]
        finally:
            del self._asked[number]

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _stats(self) -> Message:
        return {
            "in_flight": self.gate.in_flight,
            "served": self.gate.served,
            "refused": self.gate.refused,
            "serving": self.health.is_serving,
            "generation": self._generation,
            "revision": self._workload.revision(),
            "metrics": self._workload.metrics() + self.gate.render(),
        }

    def _identity(self) -> Metadata:
        return {
            "sidecar-worker": str(self.spec.index),
            "sidecar-generation": str(self._generation),
            "sidecar-revision": self._workload.revision(),
            "sidecar-pid": str(os.getpid()),
        }

    def _answer(self, question: Message, answer: Message) -> None:
        self._send({"event": "answer", "id": question["id"], **answer})

    def _send(self, message: Message) -> None:
        if self._channel is not None:
            self._channel.send(message)


@contextlib.contextmanager
def _collector_at_rest() -> Iterator[None]:
    """Load without the garbage collector, and keep what was loaded out of its sight.

    A million objects of rules are no garbage: looking through them costs 0.25 s of the load, and 155 ms, in which nobody is
    answered, at every full collection afterwards (RATIONALE.md). A reload's objects are collected as usual.
    """
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()


def _die_with(parent: int) -> None:
    """Have the kernel end this process when the supervisor dies, even if our event loop hangs then.

    Done here and not between fork and exec: Python code there can deadlock in a supervisor that has threads.
    """
    if not parent or sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(EXIT_SOFTWARE)  # it died before we asked


def _stay_on(processors: tuple[int, ...]) -> None:
    """Pin every thread of this process; Envoy has started some before Python runs."""
    if processors:
        for thread in Path("/proc/self/task").iterdir():
            os.sched_setaffinity(int(thread.name), processors)


def report_failure(error: Exception) -> int:
    """Tell on stderr why a worker cannot start, and return its exit code."""
    if isinstance(error, SidecarError):
        logs.complain(str(error))
        return EXIT_CONFIG
    logs.complain(f"worker failed to start: {describe(error)}")
    return EXIT_SOFTWARE
