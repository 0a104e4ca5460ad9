"""The rules of all workers, as one of them sees them: what its keeper did, the others are told, and say whether they did it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Literal

import msgspec

from sidecar.delivery.build import Offer
from sidecar.delivery.keeper import Keeper, Named, Report
from sidecar.errors import SidecarError
from sidecar.rules.bundle import Bundle

Act = Literal["follow", "refresh", "status"]
Message = dict[str, Any]
Ask = Callable[[str], Awaitable[list[Message]]]
"""Puts an act to every worker, the asking one included, and returns their answers."""


class WorkerRules(msgspec.Struct, frozen=True):
    """What one worker runs.

    Args:
        worker: its number.
        pid: its process.
        generation: counts the changes of the whole sidecar that this worker has made.
        revision: of the rules that it runs.
        version: of the rules that it runs.
        failure: why it did not do what it was asked; empty where it did.
        shadow: the revision of its shadow; empty for none.
        compared: messages that its shadow decided, too.
        dropped: messages that its shadow could not keep up with.
        failed: messages on which its shadow failed.
        differences: how often verdicts differed, by change.
    """

    worker: int = 0
    pid: int = 0
    generation: int = 0
    revision: str = ""
    version: str = ""
    failure: str = ""
    shadow: str = ""
    compared: int = 0
    dropped: int = 0
    failed: int = 0
    differences: dict[str, int] = {}


class Step(msgspec.Struct, frozen=True):
    """How a step ended, and where it arrived.

    Args:
        outcome: what was done.
        revision: of the bundle that it was done with.
        version: its version.
        faults: why it was refused.
        workers: what each worker runs now; empty where nothing was changed.
    """

    outcome: str
    revision: str = ""
    version: str = ""
    faults: tuple[str, ...] = ()
    workers: tuple[WorkerRules, ...] = ()


class Overview(msgspec.Struct, frozen=True):
    """What the sidecar runs.

    Args:
        active: the bundle in force.
        previous: what a rollback returns to.
        shadow: the bundle that runs beside it.
        seen: what the shadows of all workers saw, added up.
        last_refusal: the faults of what was refused last, by the worker that answers.
        workers: what each worker runs.
    """

    active: Bundle
    previous: Named | None
    shadow: Bundle | None
    seen: WorkerRules
    last_refusal: tuple[str, ...]
    workers: tuple[WorkerRules, ...]


class Fleet:
    """Steps that arrive at every worker.

    Args:
        keeper: of this worker.
    """

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._ask: Ask = self._ask_myself

    def connect(self, ask: Ask) -> None:
        """Take the way to the other workers; until then this worker is alone."""
        self._ask = ask

    async def push(self, archive: bytes, *, shadow: bool) -> Step:
        """Offer a bundle as an archive."""
        return await self._spread(await self._keeper.push(archive, shadow=shadow))

    async def promote(self) -> Step:
        """Put the shadow in force."""
        return await self._spread(await self._keeper.promote())

    async def end_shadow(self) -> Step:
        """Stop the shadow."""
        return await self._spread(await self._keeper.end_shadow())

    async def roll_back(self, wanted: str = "") -> Step:
        """Return to an earlier bundle."""
        return await self._spread(await self._keeper.roll_back(wanted))

    async def find(self, offer: Offer, *, is_first: bool) -> Step:
        """Take what a source shows; see `Keeper.find`."""
        return await self._spread(await self._keeper.find(offer, is_first=is_first))

    async def follow(self) -> None:
        """Catch up with what another worker did."""
        await self._keeper.follow()

    async def status(self) -> Overview:
        """Ask every worker what it runs."""
        active, shadow = self._keeper.bundles()
        workers = await self._answers("status")
        return Overview(active, self._keeper.previous(), shadow, _added_up(workers), self._keeper.last_refusal, workers)

    def bundles(self) -> tuple[Bundle, Bundle | None]:
        """Return the bundle in force and the shadow's, of this worker."""
        return self._keeper.bundles()

    async def answer(self, act: str) -> Message:
        """Do what another worker asks of this one, and say what runs here.

        Args:
            act: `follow` what was activated, `refresh` it even if it is the same (its policy may have changed), or only
                say the `status`.
        """
        failure = ""
        if act != "status":
            try:
                await self._keeper.follow(always=act == "refresh")
            except SidecarError as error:
                failure = str(error)
        rules = self._keeper.bundles()[0].rule_set
        mine = WorkerRules(revision=rules.revision, version=rules.version, failure=failure)
        seen = self._keeper.shadow_report()
        if seen is not None:
            mine = msgspec.structs.replace(
                mine,
                shadow=seen.revision,
                compared=seen.compared,
                dropped=seen.dropped,
                failed=seen.failed,
                differences=seen.differences,
            )
        answered: Message = msgspec.to_builtins(mine)
        return answered

    async def _spread(self, report: Report) -> Step:
        workers: tuple[WorkerRules, ...] = ()
        if report.outcome not in ("refused", "unchanged"):
            workers = await self._answers("follow")
        return Step(report.outcome, report.revision, report.version, report.faults, workers)

    async def _answers(self, act: Act) -> tuple[WorkerRules, ...]:
        return tuple(msgspec.convert(answer, WorkerRules) for answer in await self._ask(act))

    async def _ask_myself(self, act: str) -> list[Message]:
        return [await self.answer(act)]


def _added_up(workers: tuple[WorkerRules, ...]) -> WorkerRules:
    differences: Counter[str] = Counter()
    for worker in workers:
        differences.update(worker.differences)
    return WorkerRules(
        compared=sum(worker.compared for worker in workers),
        dropped=sum(worker.dropped for worker in workers),
        failed=sum(worker.failed for worker in workers),
        differences=dict(differences),
    )
