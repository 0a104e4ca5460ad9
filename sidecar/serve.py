"""`sidecar serve`: what a worker serves, and the plan of the supervisor over the workers."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import gc
import logging
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from sidecar.adapters.credentials import Guard
from sidecar.adapters.escort import Timings
from sidecar.adapters.extproc import METHOD as EXT_PROC
from sidecar.adapters.extproc import ExternalProcessor
from sidecar.adapters.filter_service import FilterService
from sidecar.adapters.forward import Forwarder
from sidecar.adapters.rpc import Method
from sidecar.adapters.tracing import traced
from sidecar.app import Live, Snapshot, load_files
from sidecar.delivery.keeper import Report
from sidecar.delivery.shadow import ShadowingObserver
from sidecar.delivery.store import Store
from sidecar.delivery.wiring import RulesWorker, begin
from sidecar.errors import SidecarError
from sidecar.forwarding import Keeper, chooser, load_forwarding, open_upstreams
from sidecar.guard import Keeper as PerimeterKeeper
from sidecar.hosts.ports import private_folder
from sidecar.hosts.worker import Workload
from sidecar.instruments import Instruments
from sidecar.settings import Delivery, Settings

_log = logging.getLogger(__name__)

# Envoy knows the service by its own name; our messages have the same fields under ours.
_ALIASES = {EXT_PROC.rpartition("/")[0].removeprefix("/"): "sidecar.extproc.v3.ExternalProcessor"}


def workload(settings: Mapping[str, Any]) -> Workload:
    """Make what one worker serves.

    Args:
        settings: `Settings`, as JSON carried it from the supervisor.

    Raises:
        BundleError, ConfigError, ScannerError: rules or policy cannot be used.
    """
    given = msgspec.convert(settings, Settings, dec_hook=lambda kind, value: kind(value))
    instruments = Instruments(given.watching, given.worker)
    observer = ShadowingObserver(instruments.recorder)

    def load(files: Mapping[str, bytes], observed: bool) -> Snapshot:
        snapshot = load_files(files, given.options, observer if observed else None)
        snapshot.warm()
        return snapshot

    def load_again(files: Mapping[str, bytes], observed: bool) -> Snapshot:
        snapshot = load(files, observed)
        snapshot.warm_recognizers()  # the rules in force serve meanwhile
        snapshot.warm_streams()
        return snapshot

    store = _open_store(given.delivery)
    begun = begin(given.delivery, given.options, load, store)
    live = Live(begun.snapshot)
    instruments.started(begun)
    perimeter = _open_perimeter(given, instruments)
    guard = perimeter.guard if perimeter else None
    rules = RulesWorker(
        given.delivery, given.options, live, observer, load=load_again, listener=instruments, store=store, guard=guard
    )
    rules.adopt(begun)
    instruments.watch_shadow(rules.shadow_report)
    upstreams = open_upstreams(given.upstream, given.upstreams, instruments.metrics)

    async def renew_files() -> None:
        try:
            if perimeter is not None:
                await asyncio.to_thread(perimeter.reload)
            if upstreams is not None:
                await upstreams.reload()
        except SidecarError as error:
            instruments.rules_changed(Report("refused", faults=(str(error),)), live.current())
            raise

    async def reload() -> None:
        await renew_files()
        await rules.reload()

    async def ask(act: str) -> dict[str, Any]:
        if act == "refresh":
            await renew_files()
        return await rules.fleet.answer(act)

    def finish() -> None:
        live.current().warm_recognizers()
        live.current().warm_streams()
        gc.freeze()  # as `hosts.worker` does with what was loaded before

    async def start() -> None:
        threading.Thread(target=finish, name="recognizers", daemon=True).start()
        await rules.start()
        if upstreams is not None:
            await upstreams.start()

    async def close() -> None:
        await rules.stop()
        if upstreams is not None:
            await upstreams.close()
        await asyncio.to_thread(instruments.close)

    return Workload(
        methods=(*_methods(given, instruments, live, guard, upstreams), *rules.methods()),
        revision=lambda: live.current().bundle.rule_set.revision,
        reload=reload,
        ask=ask,
        connect=rules.fleet.connect,
        start=start,
        close=close,
        metrics=instruments.metrics.render,
        aliases=_ALIASES,
    )


def _methods(
    given: Settings, instruments: Instruments, live: Live, guard: Guard | None, upstreams: Keeper | None
) -> Iterator[Method]:
    """Yield the methods of the two services that filter; calls of the first have spans, exchanges of both."""
    tracer, metrics = instruments.tracer, instruments.metrics
    first_token = metrics.first_token_seconds.observe
    forwarder = Forwarder(upstreams, guard, first_token, tracer) if upstreams else None
    for method in FilterService(live.current, forwarder, guard).methods():
        yield traced(method, tracer) if tracer and not method.path.endswith("/Forward") else method
    yield from ExternalProcessor(
        live.current,
        given.ext_proc,
        guard=guard,
        refused=instruments.recorder.refused,
        tracer=tracer,
        directory=chooser(load_forwarding("", given.routes)),
        timings=Timings(metrics.upstream_seconds.observe, first_token),
    ).methods()


def _open_perimeter(settings: Settings, instruments: Instruments) -> PerimeterKeeper | None:
    if settings.perimeter is None:
        return None
    board = None
    if settings.board is not None:
        from sidecar.backends.board_quota import Board  # noqa: PLC0415 - only where workers share quotas

        board = Board(settings.board, settings.worker)
    recorder = instruments.recorder
    return PerimeterKeeper(
        settings.perimeter, instruments.metrics, refused=recorder.refused, used=recorder.used, board=board
    )


def _open_store(delivery: Delivery) -> Store:
    """Open what is remembered; a worker that nobody gave a folder remembers for itself, as long as it lives."""
    if delivery.store is not None:
        return Store(delivery.store)
    alone = contextlib.ExitStack()
    atexit.register(alone.close)
    return Store(alone.enter_context(private_folder("rules")))
