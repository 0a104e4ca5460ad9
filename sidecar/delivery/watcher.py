"""Watches sources and the store; what settles is offered to the keeper."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence

from sidecar.delivery.build import Offer
from sidecar.delivery.keeper import Keeper
from sidecar.delivery.sources import Source
from sidecar.errors import BundleError

# Files come one by one, and storms of reloads cost more than they bring (rspamd issue 5952).
DEBOUNCE_SECONDS = 5.0
# Workers are on the same rules within two seconds of an activation.
FOLLOW_SECONDS = 1.0


class Watcher:
    """Polls until it is stopped.

    Args:
        keeper: takes what was found.
        sources: where to look.
        every: seconds between two looks at the sources.
        debounce: seconds for which a source must be quiet before its bundle is offered.
        refused: told of what cannot be read.
    """

    def __init__(
        self,
        keeper: Keeper,
        sources: Sequence[Source],
        *,
        every: float,
        refused: Callable[[BundleError], None],
        debounce: float = DEBOUNCE_SECONDS,
        follow: float = FOLLOW_SECONDS,
    ) -> None:
        self._keeper = keeper
        self._sources = sources
        self._every = every
        self._debounce = debounce
        self._follow = follow
        self._refused = refused
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to watch, in the running event loop."""
        self._tasks = [asyncio.create_task(self._watch(source)) for source in self._sources]
        self._tasks.append(asyncio.create_task(self._watch_store()))

    async def stop(self) -> None:
        """Stop watching."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _watch(self, source: Source) -> None:
        while True:
            await asyncio.sleep(self._every)
            try:
                offer = await source.fetch()
                if offer is not None:
                    await self._keeper.take(await self._settled(source, offer))
            except BundleError as error:
                self._refused(error)

    async def _settled(self, source: Source, offer: Offer) -> Offer:
        """Return the newest offer of a source after it was quiet for a while."""
        while True:
            await asyncio.sleep(self._debounce)
            newer = await source.fetch()
            if newer is None:
                return offer
            offer = newer

    async def _watch_store(self) -> None:
        while True:
            await asyncio.sleep(self._follow)
            try:
                await self._keeper.follow()
            except BundleError as error:
                self._refused(error)
