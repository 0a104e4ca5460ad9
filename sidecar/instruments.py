"""What watches one worker: its metrics, its audit log, its traces; put together here, and shut down in order."""

from __future__ import annotations

import hashlib
import itertools
import logging
import os
import secrets
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from sidecar import __version__
from sidecar.adapters.record import Recorder
from sidecar.app import Snapshot, ner_state
from sidecar.backends.audit_keys import load_signer
from sidecar.backends.audit_log import AuditLog, AuditSettings, now
from sidecar.backends.quarantine import About, Quarantine
from sidecar.core.filter import Occasion
from sidecar.delivery.keeper import Report, ShadowReport
from sidecar.delivery.wiring import Start
from sidecar.errors import ConfigError
from sidecar.model import Decision
from sidecar.settings import Watching
from sidecar.telemetry import Metrics

if TYPE_CHECKING:
    from sidecar.backends.otlp import Otlp


_log = logging.getLogger(__name__)

# Of thousands of faults the first ones are enough for a log; whoever pushed is told all.
_FAULTS_SHOWN = 20


class Instruments:
    """Everything that watches one worker.

    Args:
        watching: how.
        worker: which worker; each has an audit log of its own.

    Raises:
        ConfigError: the audit log or the OTLP exporter cannot be used.
    """

    def __init__(self, watching: Watching, worker: int) -> None:
        self.metrics = Metrics()
        self.audit = _open_audit(watching, worker)
        self.quarantine = _open_quarantine(watching, worker)
        self.recorder = Recorder(
            self.metrics,
            _ids(worker),
            audit=self.audit,
            digest_key=_digest_key(watching),
            quarantine=self._keep if self.quarantine else None,
        )
        self.tracer = _open_otlp(watching, self.metrics, worker)
        self._announced: Snapshot | None = None
        self.metrics.before_render(self._look)

    def started(self, begun: Start) -> None:
        """Say with which rules the worker starts, and which it would have liked to."""
        snapshot = begun.snapshot
        self._announce(snapshot)
        if begun.refused:
            self.rules_changed(Report("refused", faults=begun.refused), snapshot)
        if self.audit is not None:
            self.audit.note("start", version=__version__, revision=snapshot.bundle.rule_set.revision)

    def rules_changed(self, report: Report, snapshot: Snapshot) -> None:
        """Take a step of the rules' delivery; a refusal is counted beside the rules that stay."""
        self.metrics.reloads.labels(report.outcome).inc()
        self._announce(snapshot)
        for fault in report.faults[:_FAULTS_SHOWN]:
            _log.error("rules %s: %s", report.outcome, fault)
        if self.audit is not None:
            self.audit.note(f"rules_{report.outcome}", revision=report.revision, version=report.version)

    def verdicts_differ(self, change: str) -> None:
        """Count a difference of the shadow."""
        self.metrics.shadow_differences.labels(change).inc()

    def watch_shadow(self, report: Callable[[], ShadowReport | None]) -> None:
        """Show what the shadow saw, whenever metrics are asked for."""

        def look() -> None:
            self.metrics.shadow_messages.clear()
            shadow = report()
            if shadow is not None:
                for outcome in ("compared", "dropped", "failed"):
                    self.metrics.shadow_messages.labels(outcome).set(getattr(shadow, outcome))

        self.metrics.before_render(look)

    def close(self) -> None:
        """Write and send what is left."""
        if self.audit is not None:
            self.audit.note("stop")
            self.audit.close()
        if self.quarantine is not None:
            self.quarantine.close()
        if self.tracer is not None:
            self.tracer.close()

    def _look(self) -> None:
        """Set what is counted where it happens."""
        waiting, restarts = ner_state()
        self.metrics.ner_queue.set(waiting)
        self.metrics.ner_restarts.set(restarts)
        audit = self.audit
        if audit is not None:
            self.metrics.set_audit(waiting=audit.waiting, dropped=audit.dropped, is_healthy=audit.is_healthy)

    def _keep(self, id_: str, occasion: Occasion, decision: Decision, content: bytes) -> None:
        """Seal a message that rules blocked."""
        assert self.quarantine is not None
        rules = tuple(dict.fromkeys(finding.rule for finding in decision.findings))
        about = About(id_, now(), occasion.application, occasion.route, occasion.direction, occasion.format, rules)
        outcome = "kept" if self.quarantine.keep(about, content) else "dropped"
        self.metrics.quarantined.labels(outcome).inc()

    def _announce(self, snapshot: Snapshot) -> None:
        if snapshot is self._announced:
            return  # a refusal leaves in force what was, and since when
        self._announced = snapshot
        rules, admission = snapshot.bundle.rule_set, snapshot.admission
        self.metrics.set_bundle(
            name=rules.name,
            version=rules.version,
            revision=rules.revision,
            now=time.time(),
            expires=admission.expires,
            selftest_seconds=admission.selftest_seconds,
        )


def _open_audit(watching: Watching, worker: int) -> AuditLog | None:
    if watching.audit is None:
        return None
    settings = AuditSettings(folder=watching.audit, name=f"audit-{worker}", when_full=watching.audit_when_full)
    return AuditLog(settings, load_signer(watching.audit / "audit.pem"))


def _open_quarantine(watching: Watching, worker: int) -> Quarantine | None:
    if watching.quarantine is None:
        return None
    if watching.quarantine_key is None:
        raise ConfigError("--quarantine needs --quarantine-key: messages are kept sealed, or not at all")
    return Quarantine(watching.quarantine, watching.quarantine_key, f"quarantine-{worker}")


def _open_otlp(watching: Watching, metrics: Metrics, worker: int) -> Otlp | None:
    """Import the exporter only where it is asked for: it takes 12 MB and 0.2 s."""
    if not watching.otlp and not is_configured():
        return None
    try:
        from sidecar.backends.otlp import Otlp  # noqa: PLC0415 - see above
    except ImportError as error:
        raise ConfigError(f"--otlp: {error.name} is not installed (pip install 'portcullis-sidecar[otel]')") from None
    return Otlp(metrics.registry, refresh=metrics.refresh, endpoint=watching.otlp, worker=worker)


def is_configured(environment: Mapping[str, str] = os.environ) -> bool:
    """Tell whether OpenTelemetry's standard variables name an endpoint, and do not switch everything off."""
    off = environment.get("OTEL_SDK_DISABLED", "").lower() == "true"
    return bool(environment.get("OTEL_EXPORTER_OTLP_ENDPOINT")) and not off


def _digest_key(watching: Watching) -> bytes:
    """Key digests by the installation's own key, so that they are equal over workers and restarts."""
    if watching.audit is None:
        return b""
    return hashlib.sha256(b"portcullis digest\0" + (watching.audit / "audit.pem").read_bytes()).digest()


def _ids(worker: int) -> Callable[[], str]:
    """Return what makes ids of decisions: this run's own prefix and a number; no two processes share a prefix."""
    prefix = f"{secrets.token_hex(6)}-{worker:x}-"
    numbers = itertools.count(1)
    return lambda: f"{prefix}{next(numbers):x}"
