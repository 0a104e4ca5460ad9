"""Watches sources and the store; what settles is offered to the keeper."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from sidecar.delivery.build import Offer
from sidecar.delivery.sources import Source
from sidecar.errors import BundleError, SidecarError
from sidecar.settings import DEBOUNCE_SECONDS

_log = logging.getLogger(__name__)

# Workers are on the same rules within two seconds of an activation.
FOLLOW_SECONDS = 1.0


class Taker(Protocol):
    """Who takes what is found."""

    async def find(self, offer: Offer, *, is_first: bool) -> object:
        """Take what a source shows."""

    async def follow(self) -> None:
        """Catch up with what another worker did."""


class Watcher:
    """Polls until it is stopped; of several workers one looks at the sources, all look at the store.

    Args:
        taker: takes what was found.
        sources: where to look.
        leads: whether this worker is the one that looks at the sources; asked before each look.
        every: seconds between two looks at the sources.
        debounce: seconds for which a source must be quiet before its bundle is offered.
        refused: told of what cannot be read.
    """

    def __init__(
        self,
        taker: Taker,
        sources: Sequence[Source],
        *,
        every: float,
        refused: Callable[[BundleError], None],
        leads: Callable[[], bool] = lambda: True,
        debounce: float = DEBOUNCE_SECONDS,
        follow: float = FOLLOW_SECONDS,
    ) -> None:
        self._taker = taker
        self._sources = sources
        self._every = every
        self._debounce = debounce
        self._follow = follow
        self._refused = refused
        self._leads = leads
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
        is_first = True
        while True:
            if self._leads():
                with self._told():
                    offer = await source.fetch()
                    if offer is not None:
                        await self._taker.find(await self._settled(source, offer), is_first=is_first)
                    is_first = False
            await asyncio.sleep(self._every)

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
            # A store that cannot be followed is told of by whoever follows.
            with contextlib.suppress(SidecarError):
                await self._taker.follow()

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Tell of what fails, and go on: rules that stop arriving in silence are worse than any fault."""
        try:
            yield
        except BundleError as error:
            self._refused(error)
        except Exception as error:  # noqa: BLE001 - see above
            _log.exception("the rules cannot be looked at")
            self._refused(BundleError(f"the rules cannot be looked at ({type(error).__name__})"))
