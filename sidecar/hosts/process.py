"""One worker process as the supervisor sees it: started, ready, asked, drained, gone."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from sidecar.hosts import envoy
from sidecar.hosts.control import Channel, Message
from sidecar.hosts.worker import Spec

# A worker whose event loop does not answer for this long hangs; the longest step it may make (a cold compile is done
# before it is ready) takes well under a second.
_ANSWER_SECONDS = 30.0


class WorkerProcess:
    """A running worker.

    Args:
        spec: what it was started with.
        process: the operating system's process.
        channel: our end of the line.
        folder: its private files, removed with it.
        asks: takes what it asks of all workers.
    """

    def __init__(
        self,
        spec: Spec,
        process: asyncio.subprocess.Process,
        channel: Channel,
        folder: tempfile.TemporaryDirectory[str],
        asks: Callable[[WorkerProcess, Message], None],
    ) -> None:
        self.spec = spec
        self.process = process
        self.started = time.monotonic()
        self.revision = ""
        self.is_ready = False
        self.generation = spec.generation
        self._channel = channel
        self._folder = folder
        self._asks = asks
        self._ready = asyncio.Event()
        self._numbers = itertools.count()
        self._answers: dict[int, asyncio.Future[Message]] = {}
        self._listener = asyncio.create_task(self._listen())

    @classmethod
    async def start(
        cls, spec: Spec, *, host: str, folder: Path, asks: Callable[[WorkerProcess, Message], None]
    ) -> WorkerProcess:
        """Start a worker process on a host.

        Args:
            spec: what it serves and where.
            host: `grpcio` or `envoy`.
            folder: where its private files go.
            asks: takes what it asks of all workers.
        """
        ours, theirs = socket.socketpair()
        private = tempfile.TemporaryDirectory(prefix=f"worker-{spec.index}-", dir=folder)
        spec = msgspec.structs.replace(
            spec,
            control=theirs.fileno(),
            admin=str(Path(private.name, "admin.sock")) if host == "envoy" else "",
            parent=os.getpid(),
        )
        arguments, variables = _envoy_command(spec, Path(private.name)) if host == "envoy" else _python_command()
        process = await asyncio.create_subprocess_exec(
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            env={**os.environ, **variables, **spec.to_environment()},
            pass_fds=(theirs.fileno(),),
            # A terminal's Ctrl-C, and whoever signals the group, means the supervisor: an Envoy would end without a drain.
            process_group=0,
        )
        theirs.close()
        return cls(spec, process, await Channel.open(ours), private, asks)

    async def ready(self, seconds: float) -> bool:
        """Wait until it is ready; return False if it exited or the time is up."""
        waiters = {asyncio.create_task(self._ready.wait()), asyncio.create_task(self.process.wait())}
        _, pending = await asyncio.wait(waiters, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        return self._ready.is_set() and self.process.returncode is None

    async def ask(self, message: Message, *, seconds: float = _ANSWER_SECONDS) -> Message | None:
        """Send a message and wait for its answer; None if the worker is gone or does not answer in time."""
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        self._channel.send({**message, "id": number})
        try:
            return await asyncio.wait_for(answer, seconds)
        except (TimeoutError, ConnectionError):
            return None
        finally:
            del self._answers[number]

    def tell(self, message: Message) -> None:
        """Send a message that has no answer."""
        self._channel.send(message)

    async def stop(self, *, notice: float, grace: float) -> None:
        """Drain it, then end it; kill it one second after the grace is over."""
        await self.ask({"do": "drain", "notice": notice, "grace": grace}, seconds=notice + grace + 1.0)
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self.process.wait(), 1.0)
        except TimeoutError:
            self.kill()
        await self.close()

    def kill(self) -> None:
        """End it without a word."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()

    async def close(self) -> int:
        """Wait for its end, remove its files, and return its exit code (negative: the signal)."""
        code = await self.process.wait()
        self._channel.close()
        self._listener.cancel()
        await asyncio.gather(self._listener, return_exceptions=True)
        self._folder.cleanup()
        return code

    async def _listen(self) -> None:
        try:
            async for message in self._channel:
                if message["event"] == "ready":
                    self.is_ready = True
                    self.revision = message["revision"]
                    self._ready.set()
                elif message["event"] == "ask":
                    self._asks(self, message)
                elif (answer := self._answers.get(message["id"])) is not None and not answer.done():
                    answer.set_result(message)
        finally:
            self.is_ready = False
            for answer in self._answers.values():
                if not answer.done():
                    answer.set_exception(ConnectionError("the worker is gone"))


def _python_command() -> tuple[list[str], dict[str, str]]:
    return [sys.executable, "-m", "sidecar.hosts.grpcio_worker"], {
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path))
    }


def _envoy_command(spec: Spec, folder: Path) -> tuple[list[str], dict[str, str]]:
    config = folder / "envoy.json"
    config.write_text(envoy.bootstrap(spec.listen, Path(spec.admin)))
    return envoy.command(config), envoy.environment()
