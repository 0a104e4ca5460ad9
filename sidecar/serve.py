"""`sidecar serve`: what a worker serves, and the plan of the supervisor over the workers."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from sidecar.adapters.admin import Admin
from sidecar.adapters.credentials import Guard
from sidecar.adapters.escort import Timings
from sidecar.adapters.extproc import METHOD as EXT_PROC
from sidecar.adapters.extproc import ExternalProcessor
from sidecar.adapters.filter_service import FilterService
from sidecar.adapters.forward import Forwarder
from sidecar.adapters.rpc import Method
from sidecar.adapters.tracing import traced
from sidecar.app import Live, Options, Snapshot, load_files
from sidecar.backends.upstream import Upstreams
from sidecar.delivery.keeper import Report
from sidecar.delivery.shadow import ShadowingObserver
from sidecar.delivery.store import Store
from sidecar.delivery.wiring import Delivery, RulesWorker, begin
from sidecar.errors import SidecarError
from sidecar.forwarding import chooser, load_forwarding, open_upstreams
from sidecar.guard import Keeper as PerimeterKeeper
from sidecar.hosts.listen import Listen, TcpAddress
from sidecar.hosts.ports import runtime_folder
from sidecar.hosts.supervisor import Plan, Supervisor, choose_host
from sidecar.hosts.worker import Workload
from sidecar.instruments import Instruments, Watching

if TYPE_CHECKING:
    from sidecar.gateway.run import Workers

_log = logging.getLogger(__name__)

_FACTORY = "sidecar.serve:workload"
# Envoy knows the service by its own name; our messages have the same fields under ours.
_ALIASES = {EXT_PROC.rpartition("/")[0].removeprefix("/"): "sidecar.extproc.v3.ExternalProcessor"}


class Settings(msgspec.Struct, frozen=True):
    """What a worker is started with.

    Args:
        options: rules and policy.
        upstream: URL of the upstream gateway, for `Forward`; empty for none.
        upstreams: the upstreams file, in place of `upstream`.
        routes: the upstreams file by which ext_proc tells Envoy where a request goes; None: Envoy knows.
        watching: audit log and traces.
        perimeter: the perimeter file; None: callers are believed.
        worker: which worker this is; each has a log of its own.
        ext_proc: what Envoy's configuration cannot say itself; see `sidecar.adapters.extproc_settings`.
        delivery: how rules reach this sidecar while it runs.
    """

    options: Options = Options()
    upstream: str = ""
    upstreams: Path | None = None
    routes: Path | None = None
    watching: Watching = Watching()
    perimeter: Path | None = None
    worker: int = 0
    ext_proc: dict[str, str] = {}
    delivery: Delivery = Delivery()


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

    store = _open_store(given.delivery)
    begun = begin(given.delivery, given.options, load, store)
    live = Live(begun.snapshot)
    instruments.started(begun)
    perimeter = _open_perimeter(given, instruments)
    guard = perimeter.guard if perimeter else None
    rules = RulesWorker(
        given.delivery, given.options, live, observer, load=load, listener=instruments, store=store, guard=guard
    )
    rules.adopt(begun)
    instruments.watch_shadow(rules.shadow_report)
    upstreams = open_upstreams(load_forwarding(given.upstream, given.upstreams), instruments.metrics)

    async def renew_perimeter() -> None:
        try:
            if perimeter is not None:
                await asyncio.to_thread(perimeter.reload)
        except SidecarError as error:
            instruments.rules_changed(Report("refused", faults=(str(error),)), live.current())
            raise

    async def reload() -> None:
        await renew_perimeter()
        await rules.reload()

    async def ask(act: str) -> dict[str, Any]:
        if act == "refresh":
            await renew_perimeter()
        return await rules.fleet.answer(act)

    async def start() -> None:
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
    given: Settings, instruments: Instruments, live: Live, guard: Guard | None, upstreams: Upstreams | None
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
    return PerimeterKeeper(settings.perimeter, instruments.metrics, instruments.recorder.refused)


def _open_store(delivery: Delivery) -> Store:
    """Open what is remembered; a worker that nobody gave a folder remembers for itself, as long as it lives."""
    folder = delivery.store or Path(tempfile.mkdtemp(prefix="rules-", dir=runtime_folder()))
    if delivery.store is None:
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Store(folder)


def filter_workers(settings: Settings, *, host: str, count: int | None, say: Callable[[str], None]) -> Workers:
    """Describe the processes in which a gateway runs its filter.

    Args:
        settings: what each of them serves.
        host: `auto`, `envoy` or `grpcio`.
        count: how many; None for one each core.
        say: takes the few lines that a person should see.

    Raises:
        ConfigError: the host cannot be used here.
    """
    # Imported here: workers have no use for what runs a gateway.
    from sidecar.gateway.run import Workers  # noqa: PLC0415 - see above

    return Workers(
        factory=_FACTORY,
        settings=msgspec.to_builtins(settings, enc_hook=_encode),
        host=choose_host(host, say),
        count=count or len(os.sched_getaffinity(0)),
        say=say,
    )


async def serve(
    settings: Settings,
    listen: Listen,
    *,
    host: str,
    workers: int,
    pin: str,
    say: Callable[[str], None],
    admin: TcpAddress | None = None,
) -> int:
    """Run the workers until SIGTERM or SIGINT, then drain them; SIGHUP reloads, SIGUSR2 restarts one by one.

    Args:
        settings: what each worker serves.
        listen: where, and what is let in.
        host: `auto`, `envoy` or `grpcio`.
        workers: how many processes.
        pin: see `Plan`.
        say: takes the few lines that a person should see.
        admin: where metrics and health are shown; None for nowhere.

    Returns:
        The exit code.

    Raises:
        ConfigError: an address is taken, or the host cannot be used here.
    """
    with remembering(settings.delivery) as delivery:
        plan = Plan(
            factory=_FACTORY,
            settings=msgspec.to_builtins(msgspec.structs.replace(settings, delivery=delivery), enc_hook=_encode),
            listen=listen,
            host=choose_host(host, say),
            workers=workers,
            pin=pin,
        )
        supervisor = Supervisor(plan, say)
        if admin is None:
            return await supervisor.run()
        pages = Admin(admin.host, admin.port, metrics=supervisor.metrics, status=supervisor.status)
        say(f"metrics on http://{admin.host}:{pages.port}/metrics")
        try:
            return await supervisor.run()
        finally:
            pages.close()


@contextlib.contextmanager
def remembering(delivery: Delivery) -> Iterator[Delivery]:
    """Give all workers one memory of the rules: what one takes reaches the others, and survives a worker's restart."""
    if delivery.store is not None:
        yield delivery
        return
    with tempfile.TemporaryDirectory(prefix="rules-", dir=runtime_folder()) as folder:
        yield msgspec.structs.replace(delivery, store=Path(folder))


def _encode(value: Any) -> str:
    assert isinstance(value, Path)
    return str(value.absolute())
