"""The keeper of the rules in force: takes offers, shadows, promotes, rolls back; what runs changes by one reference.

Every way to a new snapshot is `_prepare`; every change is written to the store before it takes effect, so that other
workers, and the next start, find what was decided.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Literal, Protocol

import msgspec

from sidecar.app import Live, Snapshot
from sidecar.delivery.build import Gates, Offer, Terms, prepare
from sidecar.delivery.shadow import Shadow, ShadowingObserver
from sidecar.delivery.sources import offer_of_archive
from sidecar.delivery.store import Active, Store
from sidecar.errors import BundleError, SidecarError
from sidecar.model import RuleSet
from sidecar.rules.bundle import MANIFEST, Bundle, revision
from sidecar.rules.documents import load
from sidecar.rules.schema import Manifest
from sidecar.rules.shipping import Contents, Floor, is_newer, is_news, raise_floor

# fmt: off
Outcome = Literal[
    "activated", "unchanged", "shadowing", "refused", "rolled_back", "promoted", "shadow_ended", "reloaded",
    "followed", "not_followed",
]
# fmt: on

Step = Literal["start", "take", "rollback", "reload"]


class Report(msgspec.Struct, frozen=True):
    """How a step ended.

    Args:
        outcome: what was done.
        revision: of the bundle that it was done with.
        version: its version.
        faults: why it was refused; empty otherwise.
    """

    outcome: Outcome
    revision: str = ""
    version: str = ""
    faults: tuple[str, ...] = ()


class Named(msgspec.Struct, frozen=True):
    """A bundle that is kept: its name, version, revision, and how many rules it holds."""

    name: str
    version: str
    revision: str
    rules: int


class ShadowReport(msgspec.Struct, frozen=True):
    """What the shadow of one worker saw so far."""

    revision: str
    version: str
    compared: int
    dropped: int
    failed: int
    differences: dict[str, int]


class Listener(Protocol):
    """Told of what happens to the rules: metrics, audit log."""

    def rules_changed(self, report: Report, snapshot: Snapshot) -> None:
        """Take a report and the snapshot that is in force after it."""
        ...

    def verdicts_differ(self, change: str) -> None:
        """Take a difference of the shadow, such as `allow->block`."""
        ...


class Keeper:
    """Keeps the rules of one worker; several workers share a store and follow it.

    Args:
        live: what requests read.
        observer: shows decisions to the shadow.
        terms: what a bundle must meet.
        gates: what it passes through.
        listener: told of what happens.
        clock: returns seconds since 1970.
        store: what is remembered.

    Attributes:
        last_refusal: the faults of what was refused last.
    """

    def __init__(
        self,
        live: Live,
        observer: ShadowingObserver,
        terms: Terms,
        gates: Gates,
        *,
        listener: Listener,
        clock: Callable[[], float],
        store: Store,
    ) -> None:
        self._live = live
        self._observer = observer
        self._terms = terms
        self._gates = gates
        self._listener = listener
        self._clock = clock
        self._store = store
        self._sequence = 0
        self.last_refusal: tuple[str, ...] = ()
        self._turn = asyncio.Lock()

    # What is offered ----------------------------------------------------------------------------------------------

    async def take(self, offer: Offer, *, shadow: bool = False) -> Report:
        """Put an offered bundle in force, or run it as the shadow; a bad one changes nothing.

        Args:
            offer: the bundle.
            shadow: whether it only runs beside the one in force.
        """
        async with self._turn:
            if not shadow and revision(offer.files) == self._in_force.revision:
                return self._report(Report("unchanged", revision(offer.files)))
            return await self._take(offer, shadow=shadow)

    async def find(self, offer: Offer, *, is_first: bool) -> Report:
        """Take what a source shows; a source repeats itself, which people who push do not.

        Args:
            offer: the bundle.
            is_first: whether it is what the source showed when it was first looked at: then an older bundle is no
                attempt to go back, only something that nobody has changed for a while.
        """
        mine = revision(offer.files)
        if mine in (self._in_force.revision, self._store.active().held) or (is_first and not self.is_news(offer)):
            return Report("unchanged", mine)
        return await self.take(offer)

    def is_news(self, offer: Offer) -> bool:
        """Tell whether a bundle claims to be newer than what was in force, or is what was about to be when we were killed."""
        return is_news(offer.files, self._store.floor())

    async def reload(self, offer: Offer) -> Report:
        """Take the configured bundle if it is news, else load the one in force anew, as its policy may have changed.

        Raises:
            SidecarError: what is there cannot be used; nothing has changed.
        """
        async with self._turn:
            if revision(offer.files) == self._in_force.revision or not self.is_news(offer):
                report = await self._load_again()
            else:
                report = await self._take(offer)
        if report.faults:
            raise BundleError(*report.faults)
        return report

    async def _take(self, offer: Offer, *, shadow: bool = False) -> Report:
        try:
            snapshot = await self._prepare(offer, self._store.floor(), observed=not shadow)
            if shadow:
                self._commit(self._live.current(), shadow=snapshot.bundle.rule_set.revision)
                return self._begin_shadow(snapshot)
            return self._put_in_force(snapshot, offer, "rolled_back" if offer.rollback else "activated")
        except (SidecarError, OSError) as error:
            return self._refuse(error)

    async def _load_again(self) -> Report:
        rules = self._in_force
        try:
            offer = Offer(*self._store.get(rules.revision), origin="the store")
            snapshot = await self._prepare(offer, None, observed=True)
            self._commit(snapshot, shadow=self._store.active().shadow, step="reload")
        except (SidecarError, OSError) as error:
            return self._refuse(error)
        self._live.replace(snapshot)
        return self._report(Report("reloaded", rules.revision, rules.version))

    async def _prepare(self, offer: Offer, floor: Floor | None, *, observed: bool) -> Snapshot:
        """Pass all gates, beside the event loop; see `prepare`.

        Args:
            offer: the bundle.
            floor: the newest version that was in force; None where it is, or was let in by another worker.
            observed: whether its decisions are counted.
        """
        now = None if floor is None else self._clock()

        def work() -> Snapshot:
            snapshot = prepare(offer, self._terms, self._gates, floor=floor, now=now, observed=observed)
            self._store.put(snapshot.bundle.rule_set.revision, offer.files, offer.envelope)
            return snapshot

        return await asyncio.to_thread(work)

    async def push(self, archive: bytes, *, shadow: bool) -> Report:
        """Take a bundle as an archive."""
        try:
            offer = offer_of_archive(archive, "push")
        except BundleError as error:
            return self._refuse(error)
        return await self.take(offer, shadow=shadow)

    # What was taken -----------------------------------------------------------------------------------------------

    async def promote(self) -> Report:
        """Put the shadow in force."""
        async with self._turn:
            shadow = self._observer.shadow
            if shadow is None:
                return self._refuse(BundleError("no shadow is running"))
            wanted = shadow.snapshot.bundle.rule_set.revision
            try:
                # The shadow's own decisions were not recorded; in force they are. What it passed, it passes at once.
                offer = Offer(*self._store.get(wanted), origin="the shadow")
                snapshot = await self._prepare(offer, self._store.floor(), observed=True)
                report = self._put_in_force(snapshot, offer, "promoted", shadow="")
            except (SidecarError, OSError) as error:
                return self._refuse(error)
            self._end_shadow()
            return report

    async def end_shadow(self) -> Report:
        """Stop the shadow without promoting it."""
        async with self._turn:
            self._commit(self._live.current(), shadow="")
            self._end_shadow()
            return self._report(Report("shadow_ended"))

    async def roll_back(self, wanted: str = "") -> Report:
        """Return to the bundle before this one, or to one that the store keeps.

        Args:
            wanted: a revision; empty: the one before.
        """
        target = wanted or self._store.active().previous
        if not target:
            return self._refuse(BundleError("there is no earlier bundle to return to"))
        try:
            files, envelope = self._store.get(target)
        except BundleError as error:
            return self._refuse(error)
        return await self.take(Offer(files, envelope, "the store", rollback=True))

    # Other workers ------------------------------------------------------------------------------------------------

    def adopt(self, offer: Offer, *, seen: str = "") -> None:
        """Have the store know the bundle that this worker started with; a floor that a crash left behind catches up.

        Args:
            offer: the bundle.
            seen: what the store said was in force when the bundle was chosen; if that has changed, the change wins.
        """
        self._store.put(revision(offer.files), offer.files, offer.envelope)
        self._commit(self._live.current(), shadow=self._store.active().shadow, step="start", seen=seen)

    async def follow(self, *, always: bool = False) -> None:
        """Catch up with what another worker did.

        Args:
            always: load anew even where the store names what runs here: the policy may have changed.

        Raises:
            BundleError: the store was tampered with, or a bundle in it cannot be used.
        """
        active = self._store.active()
        if active.sequence <= self._sequence and not always:
            return
        async with self._turn:
            shadow = self._observer.shadow
            try:
                if always or active.revision not in ("", self._in_force.revision):
                    self._live.replace(await self._from_store(active.revision, observed=True))
                    rules = self._in_force
                    self._report(Report("followed", rules.revision, rules.version))
                if active.shadow != (shadow.snapshot.bundle.rule_set.revision if shadow else ""):
                    self._end_shadow()
                    if active.shadow:
                        self._begin_shadow(await self._from_store(active.shadow, observed=False), is_quiet=True)
            except SidecarError as error:
                self._report(Report("not_followed", active.revision, faults=_sentences(error)))
                raise
            self._sequence = max(self._sequence, active.sequence)

    async def _from_store(self, wanted: str, *, observed: bool) -> Snapshot:
        offer = Offer(*self._store.get(wanted), origin="the store")
        # Whoever put it there compared versions: it may be a rollback.
        return await self._prepare(offer, None, observed=observed)

    # What runs ----------------------------------------------------------------------------------------------------

    def shadow_report(self) -> ShadowReport | None:
        """Return what the shadow saw; None where none runs."""
        shadow = self._observer.shadow
        if shadow is None:
            return None
        rules = shadow.snapshot.bundle.rule_set
        return ShadowReport(
            rules.revision, rules.version, shadow.compared, shadow.dropped, shadow.failed, dict(shadow.differences)
        )

    def bundles(self) -> tuple[Bundle, Bundle | None]:
        """Return the bundle in force and the shadow's."""
        shadow = self._observer.shadow
        return self._live.current().bundle, shadow.snapshot.bundle if shadow else None

    def previous(self) -> Named | None:
        """Return what a rollback returns to; None where there is nothing.

        Raises:
            BundleError: what the store keeps was damaged.
        """
        wanted = self._store.active().previous
        if not wanted:
            return None
        files, _ = self._store.get(wanted)
        manifest = load(files[MANIFEST], MANIFEST, Manifest)
        rules = sum(path.partition("/")[0] in manifest.families for path in files)
        return Named(manifest.name, manifest.version, wanted, rules)

    @property
    def _in_force(self) -> RuleSet:
        return self._live.current().bundle.rule_set

    def _begin_shadow(self, snapshot: Snapshot, *, is_quiet: bool = False) -> Report:
        self._end_shadow()
        self._observer.shadow = Shadow(snapshot, self._listener.verdicts_differ)
        rules = snapshot.bundle.rule_set
        report = Report("shadowing", rules.revision, rules.version)
        return report if is_quiet else self._report(report)

    def _end_shadow(self) -> None:
        shadow, self._observer.shadow = self._observer.shadow, None
        if shadow is not None:
            shadow.close()

    def _put_in_force(self, snapshot: Snapshot, offer: Offer, outcome: Outcome, shadow: str | None = None) -> Report:
        """Write down what is in force from now on, then swap the one reference."""
        kept = self._store.active().shadow if shadow is None else shadow
        self._commit(snapshot, shadow=kept, step="rollback" if offer.rollback else "take")
        self._live.replace(snapshot)
        rules = snapshot.bundle.rule_set
        return self._report(Report(outcome, rules.revision, rules.version))

    def _commit(self, snapshot: Snapshot, *, shadow: str, step: Step = "take", seen: str = "") -> None:
        """Write down what runs, and the floor before it; see `Store.activate`.

        Raises:
            BundleError: another worker put a newer version in force meanwhile.
        """
        rules = snapshot.bundle.rule_set
        with self._store.locked():
            before, floor = self._store.active(), self._store.floor()
            raised = _raised(floor, rules)
            changed = before.revision != rules.revision
            if step == "start" and changed and before.revision != seen:
                return  # the next look at the store follows what happened meanwhile
            if changed and step == "take" and is_newer(floor.version, rules.version):
                raise BundleError(f"{MANIFEST}:1: version {floor.version} came into force meanwhile")
            previous = before.revision if changed else before.previous
            held = before.held if not changed else before.revision if step == "rollback" else ""
            after = Active(before.sequence, rules.revision, previous, shadow, held)
            if after != before or step == "reload":
                after = msgspec.structs.replace(after, sequence=before.sequence + 1)
            if after != before or raised != floor:
                self._store.activate(after, raised)
            self._sequence = after.sequence

    def _refuse(self, error: Exception) -> Report:
        return self._report(Report("refused", faults=_sentences(error)))

    def _report(self, report: Report) -> Report:
        if report.faults:
            self.last_refusal = report.faults
        self._listener.rules_changed(report, self._live.current())
        return report


def _sentences(error: Exception) -> tuple[str, ...]:
    return error.faults if isinstance(error, BundleError) else (str(error),)


def _raised(floor: Floor, rules: RuleSet) -> Floor:
    return raise_floor(
        floor, Contents(schema=1, name=rules.name, version=rules.version, revision=rules.revision, files={})
    )
