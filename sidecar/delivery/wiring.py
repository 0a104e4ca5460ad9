"""The parts of delivery put together for one worker."""

from __future__ import annotations

import asyncio
import hmac
import os
import time
from collections.abc import Mapping

import msgspec

from sidecar import config
from sidecar.adapters.credentials import Guard, require
from sidecar.adapters.rpc import Call, Method, RpcError, Status
from sidecar.adapters.rules_service import RulesService
from sidecar.app import Live, Snapshot
from sidecar.backends.signing import read_ring
from sidecar.delivery.build import Gates, Load, Offer, Terms, build_once, is_own, prepare
from sidecar.delivery.fleet import Fleet
from sidecar.delivery.keeper import Keeper, Listener, Report, ShadowReport
from sidecar.delivery.shadow import ShadowingObserver
from sidecar.delivery.sources import FolderSource, HttpSource, Source, read_offer
from sidecar.delivery.store import Store
from sidecar.delivery.watcher import Watcher
from sidecar.errors import BundleError, ConfigError
from sidecar.rules.bundle import revision
from sidecar.rules.shipping import Trust, is_news
from sidecar.settings import Delivery, Options

# The bundle server's bearer token; an address on the command line is seen by everybody, an environment is not.
TOKEN_VARIABLE = "SIDECAR_RULES_TOKEN"  # noqa: S105 - the name of a variable
# What callers of `RulesService` show.
PUSH_TOKEN_VARIABLE = "SIDECAR_RULES_PUSH_TOKEN"  # noqa: S105 - the name of a variable


def terms_of(delivery: Delivery) -> Terms:
    """Return what a bundle must meet.

    Raises:
        ConfigError: a key cannot be read.
    """
    ring = read_ring(delivery.keys)
    required = bool(len(ring)) if delivery.required is None else delivery.required
    return Terms(Trust(required=required, threshold=delivery.threshold), ring)


class Start(msgspec.Struct, frozen=True):
    """What a worker starts with.

    Args:
        offer: the bundle.
        snapshot: made of it.
        seen: what the store said was in force when it was chosen.
        refused: the faults of the configured bundle, where it is newer and cannot be used.
    """

    offer: Offer
    snapshot: Snapshot
    seen: str = ""
    refused: tuple[str, ...] = ()


def begin(delivery: Delivery, options: Options, load: Load, store: Store) -> Start:
    """Choose and prepare the bundle to start with: what the store says is in force, unless the configured one is newer.

    Raises:
        BundleError: neither can be used; names every fault.
        ConfigError: a key or the policy cannot be read.
    """
    terms, active = terms_of(delivery), store.active().revision
    kept = Offer(*store.get(active), origin="the store") if active else None
    configured = _configured(options, kept)
    offers = [offer for offer in (configured if _is_wanted(configured, kept, store) else None, kept) if offer]
    refused: tuple[str, ...] = ()
    for offer in offers:
        # What ships passed its gates before it did; trying it once here is enough.
        gates = Gates(options.policy, _no_build if is_own(offer.files) else build_once, load)
        try:
            # What was in force when it expired goes on filtering: a worker that died must come back.
            now = None if offer is kept else time.time()
            snapshot = prepare(offer, terms, gates, floor=None, now=now, observed=True)
        except BundleError as error:
            if offer is offers[-1]:
                raise
            refused = error.faults
            continue
        return Start(offer, snapshot, active, refused)
    raise AssertionError("there is always one to try")


def _is_wanted(configured: Offer | None, kept: Offer | None, store: Store) -> bool:
    """Tell whether the configured bundle is tried before what is kept: it is news, and nobody went back from it."""
    if configured is None or kept is None:
        return configured is not None
    mine = revision(configured.files)
    return mine not in (revision(kept.files), store.active().held) and is_news(configured.files, store.floor())


def _configured(options: Options, kept: Offer | None) -> Offer | None:
    """Read the rules folder; where it cannot be read, what is kept is all there is."""
    try:
        return read_offer(options.rules or config.shipped_rules())
    except BundleError:
        if kept is None:
            raise
        return None


def _no_build(files: Mapping[str, bytes], policy: str, seconds: float) -> None:
    del files, policy, seconds


class RulesWorker:
    """Delivery as one worker has it: the keeper, what it watches, and the service.

    Args:
        delivery: what is configured.
        options: rules and policy.
        live: what requests read.
        observer: shows decisions to the shadow.
        load: makes a snapshot of files.
        listener: told of what happens.
        store: what is remembered.
        guard: the perimeter; None: the token alone says who may push.

    Raises:
        ConfigError: a key cannot be read, or the service would take bundles from anybody.
    """

    def __init__(
        self,
        delivery: Delivery,
        options: Options,
        live: Live,
        observer: ShadowingObserver,
        *,
        load: Load,
        listener: Listener,
        store: Store,
        guard: Guard | None = None,
    ) -> None:
        self._guard = guard
        terms = terms_of(delivery)
        self._token = os.environ.get(PUSH_TOKEN_VARIABLE, "")
        if delivery.push and not (self._token or terms.trust.required or guard):
            raise ConfigError(
                f"--rules-push would take rules from anybody: give the keys that may sign (--rules-trust), "
                f"set {PUSH_TOKEN_VARIABLE}, or name who may call `rules` (--perimeter)"
            )
        self._push = delivery.push
        self._options = options
        self._store = store
        gates = Gates(options.policy, build_once, load)
        self._keeper = Keeper(live, observer, terms, gates, listener=listener, clock=time.time, store=store)
        self.fleet = Fleet(self._keeper)
        self._watcher = Watcher(
            self.fleet,
            _sources(delivery, options),
            every=delivery.every,
            debounce=delivery.debounce,
            leads=store.leads,
            refused=lambda error: listener.rules_changed(Report("refused", faults=error.faults), live.current()),
        )

    def methods(self) -> list[Method]:
        """Return the methods of `RulesService`; none where it is switched off."""
        return RulesService(self.fleet, self._admit).methods() if self._push else []

    def adopt(self, start: Start) -> None:
        """Have the store remember the bundle that the worker started with."""
        self._keeper.adopt(start.offer, seen=start.seen)

    async def reload(self) -> None:
        """Take the configured rules and the policy as they are now, through the gates that everything passes.

        Raises:
            SidecarError: they cannot be used; nothing has changed.
        """
        await self._keeper.reload(await asyncio.to_thread(read_offer, self._options.rules or config.shipped_rules()))

    def shadow_report(self) -> ShadowReport | None:
        """Return what the shadow saw; None where none runs."""
        return self._keeper.shadow_report()

    async def start(self) -> None:
        """Begin to watch."""
        self._watcher.start()

    async def stop(self) -> None:
        """Stop watching."""
        await self._watcher.stop()
        self._store.close()

    def _admit(self, call: Call) -> None:
        if self._guard is not None:
            require(self._guard, call, service="rules")
        if not self._token:
            return  # signatures are required and looked at, or the perimeter named the caller
        given = str(call.metadata.get("authorization", "")).removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), self._token.encode()):
            raise RpcError(Status.PERMISSION_DENIED, f"the token is not the one of {PUSH_TOKEN_VARIABLE}")


def _sources(delivery: Delivery, options: Options) -> list[Source]:
    sources: list[Source] = []
    if delivery.watch:
        sources.append(FolderSource(options.rules or config.shipped_rules()))
    if delivery.url:
        token = os.environ.get(TOKEN_VARIABLE, "")
        sources.append(HttpSource(delivery.url, {"authorization": f"Bearer {token}"} if token else None))
    return sources
