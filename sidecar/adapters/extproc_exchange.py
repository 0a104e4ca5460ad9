"""One stream of external processing from within: its messages as they come, and its transaction as it is asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from sidecar.adapters._pb import external_processor_pb2 as pb
from sidecar.adapters.escort import Escort
from sidecar.core.api_errors import Fault
from sidecar.core.exchange import Action, Event
from sidecar.core.transaction import Transaction
from sidecar.errors import DeadlineExceeded

# Longer inspections leave the event loop, so that other exchanges go on and the deadline can be kept.
_INLINE_BYTES = 32 * 1024


class Reading:
    """What Envoy sends, one message after the other, with an eye on the clock where a client may be slow."""

    __slots__ = ("_coming", "_parts")

    def __init__(self, requests: AsyncIterator[pb.ProcessingRequest]) -> None:
        self._parts = aiter(requests)
        self._coming: asyncio.Future[pb.ProcessingRequest | None] | None = None

    async def is_late(self, patience: float | None) -> bool:
        """Wait for the next message; true if it has not come after so many seconds, None for no limit.

        The reading is not cancelled then: the stream must stay open after a refusal, until Envoy ends it.
        """
        if patience is None:
            return False
        self._coming = self._coming or asyncio.ensure_future(anext(self._parts, None))
        await asyncio.wait({self._coming}, timeout=patience)
        return not self._coming.done()

    async def next(self) -> pb.ProcessingRequest | None:
        """Return the next message; None at the end."""
        if self._coming is None:
            return await anext(self._parts, None)
        request = await self._coming
        self._coming = None
        return request

    async def close(self) -> None:
        """End a reading that nobody waits for any more: the stream was broken off in the middle of it."""
        if self._coming is not None and not self._coming.done():
            self._coming.cancel()
            await asyncio.wait({self._coming})


class Exchange:
    """One exchange: its transaction, what goes along with it, and how long each event may take, in seconds."""

    __slots__ = ("_deadline", "escort", "transaction")

    def __init__(self, transaction: Transaction, escort: Escort, deadline: float) -> None:
        self.transaction = transaction
        self.escort = escort
        self._deadline = deadline

    def take(self, event: Event, fault: Fault | None) -> list[Action] | None:
        """Take an event at once; None where that would hold up other exchanges."""
        transaction = self.transaction
        if fault:
            return transaction.refuse(fault, event)
        if transaction.load(event) > _INLINE_BYTES or transaction.waits:
            return None
        try:
            return transaction.receive(event)
        except Exception as error:  # noqa: BLE001 - ours; the transaction's failure policy decides
            return transaction.fail(error, event)

    async def take_apart(self, event: Event) -> list[Action]:
        """Take an event in a thread; whatever goes wrong meets the failure policy."""
        transaction = self.transaction
        try:
            return await asyncio.wait_for(asyncio.to_thread(transaction.receive, event), self._deadline)
        except TimeoutError:
            return transaction.fail(DeadlineExceeded("the inspection took too long"), event)
        except Exception as error:  # noqa: BLE001 - ours; the transaction's failure policy decides
            return transaction.fail(error, event)
