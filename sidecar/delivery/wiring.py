"""The parts of delivery put together for one worker."""

from __future__ import annotations

import hmac
import os
import time
from pathlib import Path  # msgspec reads the annotation of `Delivery` at run time

import msgspec

from sidecar import config
from sidecar.adapters.credentials import Guard, require
from sidecar.adapters.rpc import Call, Method, RpcError, Status
from sidecar.adapters.rules_service import RulesService
from sidecar.app import Live, Options
from sidecar.backends.signing import read_ring
from sidecar.delivery.build import Load, Offer, Terms
from sidecar.delivery.keeper import Keeper, Listener, Report, ShadowReport
from sidecar.delivery.shadow import ShadowingObserver
from sidecar.delivery.sources import FolderSource, HttpSource, Source, read_offer
from sidecar.delivery.store import Store
from sidecar.delivery.watcher import Watcher
from sidecar.errors import BundleError, ConfigError
from sidecar.rules.shipping import Trust, faults

# The bundle server's bearer token; an address on the command line is seen by everybody, an environment is not.
TOKEN_VARIABLE = "SIDECAR_RULES_TOKEN"  # noqa: S105 - the name of a variable
# What callers of `RulesService` show.
PUSH_TOKEN_VARIABLE = "SIDECAR_RULES_PUSH_TOKEN"  # noqa: S105 - the name of a variable


class Delivery(msgspec.Struct, frozen=True):
    """How rules reach this sidecar.

    Args:
        store: folder in which bundles, the version floor and what is in force are remembered; None: nothing is.
        url: address of a bundle archive that is polled; empty for none.
        watch: whether the rules folder is watched.
        every: seconds between two looks.
        keys: public keys of those who may sign bundles.
        required: whether bundles must be signed; None: they must where keys are given.
        threshold: how many distinct keys must have signed.
        push: whether `RulesService` takes bundles.
    """

    store: Path | None = None
    url: str = ""
    watch: bool = False
    every: float = 10.0
    keys: tuple[Path, ...] = ()
    required: bool | None = None
    threshold: int = 1
    push: bool = False


def terms_of(delivery: Delivery) -> Terms:
    """Return what a bundle must meet.

    Raises:
        ConfigError: a key cannot be read.
    """
    ring = read_ring(delivery.keys)
    required = bool(len(ring)) if delivery.required is None else delivery.required
    return Terms(Trust(required=required, threshold=delivery.threshold), ring)


def configured(delivery: Delivery, options: Options) -> Offer:
    """Return the bundle to start or reload with: what the store says is in force, else the rules folder.

    Raises:
        BundleError: it is not to be trusted, or cannot be read.
    """
    terms = terms_of(delivery)
    store = Store(delivery.store) if delivery.store else None
    active = store.active().revision if store else ""
    if store and active:
        offer = Offer(*store.get(active), origin="the store")
    else:
        offer = read_offer(options.rules or config.shipped_rules())
    # What ships with the program is trusted as the program is; what stands elsewhere is looked at.
    if options.rules is not None or active:
        found = faults(offer.files, offer.envelope, terms.trust, terms.verifier, now=time.time())
        if found:
            raise BundleError(*found)
    return offer


class RulesWorker:
    """Delivery as one worker has it: the keeper, what it watches, and the service.

    Args:
        delivery: what is configured.
        options: rules and policy.
        live: what requests read.
        observer: shows decisions to the shadow.
        load: makes a snapshot of files.
        listener: told of what happens.
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
        store = Store(delivery.store) if delivery.store else None
        self._push = delivery.push
        self._keeper = Keeper(
            live,
            observer,
            terms,
            policy=options.policy,
            load=load,
            listener=listener,
            clock=time.time,
            store=store,
        )
        self._watcher = Watcher(
            self._keeper,
            _sources(delivery, options),
            every=delivery.every,
            refused=lambda error: listener.rules_changed(Report("refused", faults=error.faults), live.current()),
        )

    def methods(self) -> list[Method]:
        """Return the methods of `RulesService`; none where it is switched off."""
        return RulesService(self._keeper, self._admit).methods() if self._push else []

    def adopt(self, offer: Offer) -> None:
        """Have the store remember the bundle that the worker started with."""
        self._keeper.adopt(offer)

    def shadow_report(self) -> ShadowReport | None:
        """Return what the shadow saw; None where none runs."""
        return self._keeper.shadow_report()

    async def start(self) -> None:
        """Begin to watch."""
        self._watcher.start()

    async def stop(self) -> None:
        """Stop watching."""
        await self._watcher.stop()

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
