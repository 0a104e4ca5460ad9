"""`sidecar serve`: what a worker serves, and the plan of the supervisor over the workers."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import hashlib
import itertools
import logging
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal

import msgspec

from sidecar import __version__
from sidecar.adapters.admin import Admin
from sidecar.adapters.extproc import METHOD as EXT_PROC
from sidecar.adapters.extproc import ExternalProcessor
from sidecar.adapters.filter_service import FilterService
from sidecar.adapters.forward import Forwarder
from sidecar.adapters.record import Recorder
from sidecar.app import Live, Options, Snapshot, load_files, ner_state
from sidecar.backends.audit_keys import load_signer
from sidecar.backends.audit_log import AuditLog, AuditSettings
from sidecar.backends.upstream import Upstreams
from sidecar.backends.upstream_metrics import UpstreamMetrics
from sidecar.delivery.keeper import Report
from sidecar.delivery.shadow import ShadowingObserver
from sidecar.delivery.store import Store
from sidecar.delivery.wiring import Delivery, RulesWorker, begin
from sidecar.errors import ConfigError, SidecarError
from sidecar.gateway.run import Workers
from sidecar.guard import Keeper as PerimeterKeeper
from sidecar.hosts.listen import Listen, TcpAddress
from sidecar.hosts.ports import runtime_folder
from sidecar.hosts.supervisor import Plan, Supervisor, choose_host
from sidecar.hosts.worker import Workload
from sidecar.rules.upstreams import Forwarding, read_upstreams, single
from sidecar.telemetry import Metrics

_log = logging.getLogger(__name__)

# Of thousands of faults the first ones are enough for a log; whoever pushed is told all.
_FAULTS_SHOWN = 20
_FACTORY = "sidecar.serve:workload"
# Envoy knows the service by its own name; our messages have the same fields under ours.
_ALIASES = {EXT_PROC.rpartition("/")[0].removeprefix("/"): "sidecar.extproc.v3.ExternalProcessor"}


class Settings(msgspec.Struct, frozen=True):
    """What a worker is started with.

    Args:
        options: rules and policy.
        upstream: URL of the upstream gateway, for `Forward`; empty for none.
        upstreams: the upstreams file, in place of `upstream`.
        audit: folder of the audit log; None for no log.
        audit_when_full: `block` or `drop`; see `AuditSettings`.
        perimeter: the perimeter file; None: callers are believed.
        worker: which worker this is; each has a log of its own.
        ext_proc: what Envoy's configuration cannot say itself; see `sidecar.adapters.extproc.read_settings`.
        delivery: how rules reach this sidecar while it runs.
    """

    options: Options = Options()
    upstream: str = ""
    upstreams: Path | None = None
    audit: Path | None = None
    audit_when_full: Literal["block", "drop"] = "block"
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
    metrics = Metrics()
    audit = _open_audit(given)
    recorder = Recorder(metrics, _ids(given.worker), audit=audit, digest_key=_digest_key(given))
    observer = ShadowingObserver(recorder)

    def load(files: Mapping[str, bytes], observed: bool) -> Snapshot:
        snapshot = load_files(files, given.options, observer if observed else None)
        snapshot.warm()
        return snapshot

    store = _open_store(given.delivery)
    begun = begin(given.delivery, given.options, load, store)
    live = Live(begun.snapshot)
    listener = _Listener(metrics, audit)
    _announce(metrics, live.current())
    if begun.refused:
        listener.rules_changed(Report("refused", faults=begun.refused), live.current())
    perimeter = PerimeterKeeper(given.perimeter, metrics, recorder.refused) if given.perimeter else None
    guard = perimeter.guard if perimeter else None
    rules = RulesWorker(
        given.delivery, given.options, live, observer, load=load, listener=listener, store=store, guard=guard
    )
    rules.adopt(begun)
    upstreams = _open_upstreams(given, metrics)
    forwarder = Forwarder(upstreams, guard, metrics.first_token_seconds.observe) if upstreams else None

    async def renew_perimeter() -> None:
        try:
            if perimeter is not None:
                await asyncio.to_thread(perimeter.reload)
        except SidecarError as error:
            listener.rules_changed(Report("refused", faults=(str(error),)), live.current())
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
        if audit is not None:
            audit.note("stop")
            audit.close()

    metrics.before_render(partial(_look, metrics, audit, rules))
    if audit is not None:
        audit.note("start", version=__version__, revision=live.current().bundle.rule_set.revision)
    return Workload(
        methods=(
            *FilterService(live.current, forwarder, guard).methods(),
            *ExternalProcessor(live.current, given.ext_proc, guard=guard, refused=recorder.refused).methods(),
            *rules.methods(),
        ),
        revision=lambda: live.current().bundle.rule_set.revision,
        reload=reload,
        ask=ask,
        connect=rules.fleet.connect,
        start=start,
        close=close,
        metrics=metrics.render,
        aliases=_ALIASES,
    )


def _look(metrics: Metrics, audit: AuditLog | None, rules: RulesWorker) -> None:
    """Set what is counted where it happens."""
    waiting, restarts = ner_state()
    metrics.ner_queue.set(waiting)
    metrics.ner_restarts.set(restarts)
    if audit is not None:
        metrics.set_audit(waiting=audit.waiting, dropped=audit.dropped, is_healthy=audit.is_healthy)
    shadow = rules.shadow_report()
    metrics.shadow_messages.clear()
    if shadow is not None:
        for outcome, messages in (
            ("compared", shadow.compared),
            ("dropped", shadow.dropped),
            ("failed", shadow.failed),
        ):
            metrics.shadow_messages.labels(outcome).set(messages)


class _Listener:
    """Counts what happens to the rules, and writes it down."""

    def __init__(self, metrics: Metrics, audit: AuditLog | None) -> None:
        self._metrics = metrics
        self._audit = audit

    def rules_changed(self, report: Report, snapshot: Snapshot) -> None:
        """Take a step; a refusal is counted beside the rules that stay."""
        self._metrics.reloads.labels(report.outcome).inc()
        _announce(self._metrics, snapshot)
        for fault in report.faults[:_FAULTS_SHOWN]:
            _log.error("rules %s: %s", report.outcome, fault)
        if self._audit is not None:
            self._audit.note(f"rules_{report.outcome}", revision=report.revision, version=report.version)

    def verdicts_differ(self, change: str) -> None:
        """Count a difference of the shadow."""
        self._metrics.shadow_differences.labels(change).inc()


def load_forwarding(upstream: str, upstreams: Path | None) -> Forwarding | None:
    """Read where requests may go: one URL, or an upstreams file; None where there is neither.

    Raises:
        ConfigError: the URL or the file cannot be used.
    """
    if upstreams is None:
        return single(upstream) if upstream else None
    try:
        return read_upstreams(upstreams.read_bytes(), str(upstreams))
    except OSError as error:
        raise ConfigError(f"{upstreams}: no such upstreams file ({error.strerror})") from None


def _open_upstreams(settings: Settings, metrics: Metrics) -> Upstreams | None:
    forwarding = load_forwarding(settings.upstream, settings.upstreams)
    if forwarding is None:
        return None
    upstreams = Upstreams(forwarding, UpstreamMetrics(metrics.registry, metrics.upstream_seconds))
    metrics.before_render(upstreams.show)
    return upstreams


def _open_store(delivery: Delivery) -> Store:
    """Open what is remembered; a worker that nobody gave a folder remembers for itself, as long as it lives."""
    folder = delivery.store or Path(tempfile.mkdtemp(prefix="rules-", dir=runtime_folder()))
    if delivery.store is None:
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Store(folder)


def _open_audit(settings: Settings) -> AuditLog | None:
    if settings.audit is None:
        return None
    name = f"audit-{settings.worker}"
    log = AuditSettings(folder=settings.audit, name=name, when_full=settings.audit_when_full)
    return AuditLog(log, load_signer(settings.audit / "audit.pem"))


def _digest_key(settings: Settings) -> bytes:
    """Key digests by the installation's own key, so that they are equal over workers and restarts."""
    if settings.audit is None:
        return b""
    return hashlib.sha256(b"portcullis digest\0" + (settings.audit / "audit.pem").read_bytes()).digest()


def _ids(worker: int) -> Callable[[], str]:
    """Return what makes ids of decisions: this run's own prefix and a number; no two processes share a prefix."""
    prefix = f"{secrets.token_hex(6)}-{worker:x}-"
    numbers = itertools.count(1)
    return lambda: f"{prefix}{next(numbers):x}"


def _announce(metrics: Metrics, snapshot: Snapshot) -> None:
    rules = snapshot.bundle.rule_set
    metrics.set_bundle(name=rules.name, version=rules.version, revision=rules.revision, now=time.time())


def filter_workers(
    options: Options,
    *,
    host: str,
    count: int | None,
    say: Callable[[str], None],
    delivery: Delivery = Delivery(),  # noqa: B008 - a frozen value
) -> Workers:
    """Describe the processes in which a gateway runs its filter.

    Args:
        options: rules and policy.
        host: `auto`, `envoy` or `grpcio`.
        count: how many; None for one each core.
        say: takes the few lines that a person should see.
        delivery: how rules reach them while they run.

    Raises:
        ConfigError: the host cannot be used here.
    """
    return Workers(
        factory=_FACTORY,
        settings=msgspec.to_builtins(Settings(options, delivery=delivery), enc_hook=_encode),
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
