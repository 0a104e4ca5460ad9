"""Ends calls whose first message does not come: headers and nothing else hold a place that others need."""

from __future__ import annotations

import asyncio
from typing import Any

from sidecar.adapters.rpc import RpcError, Status

_LOOK_SECONDS = 1.0


class Silence:
    """Watches the calls of one worker; one look a second in place of a timer for each call.

    Args:
        seconds: that a call may take to bring its first message.
    """

    __slots__ = ("_is_looking", "_late", "_seconds", "_since")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: dict[asyncio.Task[Any], float] = {}
        self._late: set[asyncio.Task[Any]] = set()
        self._is_looking = False

    def begin(self) -> asyncio.Task[Any] | None:
        """Expect a first message in the current task; return it, for `end`."""
        task = asyncio.current_task()
        if task is not None:
            loop = asyncio.get_running_loop()
            self._since[task] = loop.time()
            if not self._is_looking:
                self._is_looking = True
                loop.call_later(_LOOK_SECONDS, self._look)
        return task

    def end(self, task: asyncio.Task[Any] | None) -> None:
        """The message has come, or the call is over."""
        if task is not None:
            self._since.pop(task, None)

    def verdict(self, task: asyncio.Task[Any] | None) -> RpcError | None:
        """Say whether a task was cancelled because nothing came: the status to end with, else None."""
        if task is None or task not in self._late:
            return None
        self._late.discard(task)
        task.uncancel()
        return RpcError(Status.DEADLINE_EXCEEDED, f"no message came within {self._seconds:g} seconds")

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        limit = loop.time() - self._seconds
        for task in [task for task, since in self._since.items() if since < limit]:
            del self._since[task]
            self._late.add(task)
            task.cancel()
        self._is_looking = bool(self._since)
        if self._is_looking:
            loop.call_later(_LOOK_SECONDS, self._look)
