"""The keeper of the rules in force: takes offers, shadows, promotes, rolls back; what runs changes by one reference."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Literal, Protocol

import msgspec

from sidecar.app import Live, Snapshot
from sidecar.delivery.build import Builder, Load, Offer, Terms, admit, build_apart
from sidecar.delivery.shadow import Shadow, ShadowingObserver
from sidecar.delivery.sources import offer_of_archive
from sidecar.delivery.store import Active, Store
from sidecar.errors import BundleError, SidecarError
from sidecar.rules.bundle import Bundle, revision
from sidecar.rules.shipping import Contents, Floor, faults, raise_floor

Outcome = Literal["activated", "unchanged", "shadowing", "refused", "rolled_back", "promoted", "shadow_ended"]


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


class ShadowReport(msgspec.Struct, frozen=True):
    """What the shadow saw so far."""

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
        policy: name or file of the policy, for the process that compiles.
        load: makes a snapshot of files.
        listener: told of what happens.
        clock: returns seconds since 1970.
        store: what is remembered; None for nothing.
        builder: checks and compiles an offer.
    """

    def __init__(
        self,
        live: Live,
        observer: ShadowingObserver,
        terms: Terms,
        *,
        policy: str,
        load: Load,
        listener: Listener,
        clock: Callable[[], float],
        store: Store | None = None,
        builder: Builder = build_apart,
    ) -> None:
        self._live = live
        self._observer = observer
        self._terms = terms
        self._policy = policy
        self._load = load
        self._listener = listener
        self._clock = clock
        self._store = store
        self._builder = builder
        self._floor = store.floor() if store else Floor()
        self._previous: Snapshot | None = None
        self._sequence = 0
        self._turn = asyncio.Lock()

    async def take(self, offer: Offer, *, shadow: bool = False) -> Report:
        """Put an offered bundle in force, or run it as the shadow; a bad one changes nothing.

        Args:
            offer: the bundle.
            shadow: whether it only runs beside the one in force.
        """
        async with self._turn:
            if not shadow and revision(offer.files) == self._live.current().bundle.rule_set.revision:
                return self._report(Report("unchanged", revision(offer.files)))
            try:
                floor = self._store.floor() if self._store else self._floor
                snapshot = await asyncio.to_thread(self._admit, offer, floor, observed=not shadow)
            except SidecarError as error:
                reasons = error.faults if isinstance(error, BundleError) else (str(error),)
                return self._report(Report("refused", faults=tuple(reasons)))
            if self._store:
                self._store.put(snapshot.bundle.rule_set.revision, offer.files, offer.envelope)
            if shadow:
                return self._begin_shadow(snapshot, offer.files)
            return self._put_in_force(snapshot, "rolled_back" if offer.rollback else "activated")

    def _admit(self, offer: Offer, floor: Floor, *, observed: bool) -> Snapshot:
        admit(offer, self._terms, self._policy, floor=floor, now=self._clock(), builder=self._builder)
        return self._load(offer.files, observed)

    def adopt(self, offer: Offer) -> None:
        """Have the store remember the bundle that this sidecar started with, unless it remembers one."""
        if self._store is None:
            return
        self._sequence = self._store.active().sequence
        if not self._store.active().revision:
            self._store.put(revision(offer.files), offer.files, offer.envelope)
            self._remember(self._live.current(), shadow="")

    async def promote(self) -> Report:
        """Put the shadow in force."""
        async with self._turn:
            shadow = self._observer.shadow
            if shadow is None:
                return self._report(Report("refused", faults=("no shadow is running",)))
            # The shadow's own decisions were not recorded; in force they are. The database comes from the cache.
            snapshot = await asyncio.to_thread(self._load, shadow.files, True)
            self._end_shadow()
            return self._put_in_force(snapshot, "promoted")

    async def end_shadow(self) -> Report:
        """Stop the shadow without promoting it."""
        async with self._turn:
            self._end_shadow()
            self._remember(self._live.current(), shadow="")
            return self._report(Report("shadow_ended"))

    async def roll_back(self, wanted: str = "") -> Report:
        """Return to the bundle before this one, or to one that the store keeps.

        Args:
            wanted: a revision; empty: the one before.
        """
        async with self._turn:
            previous = self._previous
            if not wanted and previous is not None:
                return self._put_in_force(previous, "rolled_back")
            target = wanted or (self._store.active().previous if self._store else "")
            if not target or not self._store:
                return self._report(Report("refused", faults=("there is no earlier bundle to return to",)))
        try:
            files, envelope = self._store.get(target)
        except BundleError as error:
            return self._report(Report("refused", faults=error.faults))
        return await self.take(Offer(files, envelope, "the store", rollback=True))

    async def follow(self) -> None:
        """Catch up with what another worker did; it passed the gates there, so only its signatures are looked at again.

        Raises:
            BundleError: the store was tampered with, or a bundle in it cannot be used.
        """
        active = self._store.active() if self._store else Active()
        if active.sequence <= self._sequence:
            return
        async with self._turn:
            self._sequence = active.sequence
            shadow = self._observer.shadow
            if active.revision not in ("", self._live.current().bundle.rule_set.revision):
                _, snapshot = await asyncio.to_thread(self._from_store, active.revision, observed=True)
                self._previous = self._live.current()
                self._live.replace(snapshot)
                rules = snapshot.bundle.rule_set
                self._report(Report("activated", rules.revision, rules.version))
            if active.shadow != (shadow.snapshot.bundle.rule_set.revision if shadow else ""):
                self._end_shadow()
                if active.shadow:
                    files, candidate = await asyncio.to_thread(self._from_store, active.shadow, observed=False)
                    self._observer.shadow = Shadow(candidate, files, self._listener.verdicts_differ)

    def _from_store(self, wanted: str, *, observed: bool) -> tuple[dict[str, bytes], Snapshot]:
        assert self._store is not None
        files, envelope = self._store.get(wanted)
        found = faults(files, envelope, self._terms.trust, self._terms.verifier, now=self._clock())
        if found:
            raise BundleError(*found)
        return files, self._load(files, observed)

    def shadow_report(self) -> ShadowReport | None:
        """Return what the shadow saw; None where none runs."""
        shadow = self._observer.shadow
        if shadow is None:
            return None
        rules = shadow.snapshot.bundle.rule_set
        return ShadowReport(
            rules.revision, rules.version, shadow.compared, shadow.dropped, shadow.failed, dict(shadow.differences)
        )

    async def push(self, archive: bytes, *, shadow: bool) -> Report:
        """Take a bundle as an archive.

        Raises:
            BundleError: it cannot be unpacked.
        """
        return await self.take(offer_of_archive(archive, "push"), shadow=shadow)

    def bundles(self) -> tuple[Bundle, Bundle | None, Bundle | None]:
        """Return the bundle in force, the one before it, and the shadow's."""
        previous, shadow = self._previous, self._observer.shadow
        return (
            self._live.current().bundle,
            previous.bundle if previous else None,
            shadow.snapshot.bundle if shadow else None,
        )

    def _begin_shadow(self, snapshot: Snapshot, files: dict[str, bytes]) -> Report:
        self._end_shadow()
        self._observer.shadow = Shadow(snapshot, files, self._listener.verdicts_differ)
        rules = snapshot.bundle.rule_set
        self._remember(self._live.current(), shadow=rules.revision)
        return self._report(Report("shadowing", rules.revision, rules.version))

    def _end_shadow(self) -> None:
        shadow, self._observer.shadow = self._observer.shadow, None
        if shadow is not None:
            shadow.close()

    def _put_in_force(self, snapshot: Snapshot, outcome: Outcome) -> Report:
        self._previous = self._live.current()
        self._live.replace(snapshot)
        shadow = self._observer.shadow
        self._remember(snapshot, shadow=shadow.snapshot.bundle.rule_set.revision if shadow else "")
        rules = snapshot.bundle.rule_set
        return self._report(Report(outcome, rules.revision, rules.version))

    def _remember(self, snapshot: Snapshot, *, shadow: str) -> None:
        """Write down what runs; the floor comes last, so that a crash before it leaves the older, laxer one."""
        rules = snapshot.bundle.rule_set
        self._floor = _raised(self._floor, snapshot)
        if self._store is None:
            return
        with self._store.locked():
            before = self._store.active()
            if before.revision == rules.revision and before.shadow == shadow:
                self._sequence = before.sequence
                return
            changed = before.revision != rules.revision
            previous = before.revision if changed else before.previous
            self._sequence = before.sequence + 1
            self._store.activate(
                Active(self._sequence, rules.revision, previous, shadow), _raised(self._store.floor(), snapshot)
            )

    def _report(self, report: Report) -> Report:
        self._listener.rules_changed(report, self._live.current())
        return report


def _raised(floor: Floor, snapshot: Snapshot) -> Floor:
    rules = snapshot.bundle.rule_set
    return raise_floor(
        floor, Contents(schema=1, name=rules.name, version=rules.version, revision=rules.revision, files={})
    )
