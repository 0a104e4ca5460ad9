"""Metrics of one process: `sidecar_*`, labels from closed sets; never a text, a path or a caller's word as a label."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from sidecar.core.stages import STAGES
from sidecar.model import Decision, Verdict

# A clean kilobyte takes tens of microseconds, names and places milliseconds, a megabyte longer.
_DECISION_BUCKETS = (20e-6, 50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 0.1, 0.25, 1.0)
_STAGE_BUCKETS = (2e-6, 5e-6, 10e-6, 20e-6, 50e-6, 100e-6, 250e-6, 1e-3, 5e-3, 25e-3, 0.1, 1.0)
_NER_BUCKETS = (1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 0.1, 0.25, 0.5, 1.0, 2.5)
_PHASES = ("request", "response")
_UPSTREAM_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


class DecisionMeter(Collector):
    """What is counted of every decision, in one step; a lock and a check for each of four metrics costs four times that."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._verdicts = {(verdict, phase): 0 for verdict in Verdict for phase in _PHASES}
        self._lengths = dict.fromkeys(_PHASES, 0)
        self._seconds = dict.fromkeys(_PHASES, 0.0)
        self._buckets = {phase: [0] * (len(_DECISION_BUCKETS) + 1) for phase in _PHASES}

    def count(self, verdict: Verdict, phase: str, length: int, seconds: float) -> None:
        """Count one decision: about a text of a length, after some seconds."""
        bucket = bisect_left(_DECISION_BUCKETS, seconds)
        with self._lock:
            self._verdicts[verdict, phase] += 1
            self._lengths[phase] += length
            self._seconds[phase] += seconds
            self._buckets[phase][bucket] += 1

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics for the registry."""
        decisions = CounterMetricFamily(
            "sidecar_decisions", "Decisions, by verdict and direction.", labels=("verdict", "phase")
        )
        inspected = CounterMetricFamily(
            "sidecar_inspected_length", "Inspected bytes of bodies and code points of texts.", labels=("phase",)
        )
        seconds = HistogramMetricFamily("sidecar_decision_seconds", "Time to a decision.", labels=("phase",))
        bounds = [*map(floatToGoString, _DECISION_BUCKETS), "+Inf"]
        with self._lock:
            for (verdict, phase), count in self._verdicts.items():
                decisions.add_metric((verdict.label, phase), count)
            for phase in _PHASES:
                inspected.add_metric((phase,), self._lengths[phase])
                buckets = list(zip(bounds, map(float, accumulate(self._buckets[phase])), strict=True))
                seconds.add_metric((phase,), buckets=buckets, sum_value=self._seconds[phase])
        yield from (decisions, inspected, seconds)


class Metrics:
    """The metrics of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()

        def counter(name: str, text: str, labels: Iterable[str] = ()) -> Counter:
            return Counter(f"sidecar_{name}", text, labels, registry=self.registry)

        def gauge(name: str, text: str, labels: Iterable[str] = ()) -> Gauge:
            return Gauge(f"sidecar_{name}", text, labels, registry=self.registry)

        def histogram(name: str, text: str, buckets: tuple[float, ...], labels: Iterable[str] = ()) -> Histogram:
            return Histogram(f"sidecar_{name}", text, labels, buckets=buckets, registry=self.registry)

        self.decisions = DecisionMeter()
        self.registry.register(self.decisions)
        self.findings = counter("findings", "Findings, by rule.", ("rule",))
        self.entities = counter("entities_masked", "Entities masked, by type.", ("entity",))
        self.failures = counter("failures", "Messages not fully inspected, by kind and policy.", ("kind", "policy"))
        self.stage_seconds = histogram(
            "stage_seconds", "Time of a stage, of one message in 32.", _STAGE_BUCKETS, ("stage",)
        )
        self.ner_seconds = histogram("ner_seconds", "Time that a text waited for the NER model.", _NER_BUCKETS)
        self.ner_queue = gauge("ner_queue", "Calls that wait for a process of the NER model.")
        self.ner_restarts = gauge("ner_restarts", "Processes of the NER model in use that were started anew.")
        self.ner_gaps = counter("ner_gaps", "Texts that the NER model did not read, and why.", ("status", "reason"))
        self.verdict_cache = counter("verdict_cache", "Looks into the verdict cache, by result.", ("result",))
        self.lookups = tuple(self.verdict_cache.labels(result).inc for result in ("miss", "hit"))
        self.refusals = counter(
            "refusals", "Requests and messages refused without a rule: limits, perimeter, quotas, load.", ("reason",)
        )
        self.upstream_seconds = histogram("upstream_seconds", "Time to the upstream's headers.", _UPSTREAM_BUCKETS)
        self.first_token_seconds = histogram(
            "first_token_seconds", "Time to the first released byte.", _UPSTREAM_BUCKETS
        )
        self.tokens = counter("tokens", "Tokens that upstreams reported.", ("kind",))
        self.cost = counter("cost", "Money spent by the price table, in its currency.")
        self.budget_warnings = counter("budget_warnings", "Answers charged beyond a budget's soft threshold.")
        self.quota_failures = counter("quota_failures", "Steps of quotas that went without Redis, which was away.")
        self.reloads = counter("reloads", "Rule updates, by outcome.", ("outcome",))
        self.shadow_differences = counter(
            "shadow_differences", "Verdicts of the shadow bundle that differ.", ("change",)
        )
        self.shadow_messages = gauge(
            "shadow_messages", "Messages that the running shadow bundle compared, dropped or failed on.", ("outcome",)
        )
        self.bundle = gauge("bundle_info", "The bundle in force.", ("name", "version", "revision"))
        self.bundle_expires = gauge(
            "bundle_expires_timestamp_seconds", "When the signatures of the bundle in force expire; 0 for never."
        )
        self.selftest_seconds = gauge(
            "rules_selftest_seconds", "How long the rules' own samples took at the last load."
        )
        self.bundle_loaded = gauge("bundle_loaded_timestamp_seconds", "When the bundle in force was loaded.")
        self.audit_written = counter("audit_records", "Audit records handed to the log.")
        self.audit_dropped = counter("audit_dropped", "Audit records dropped because the log could not take them.")
        self.quarantined = counter("quarantined", "Blocked messages that were kept, sealed, or dropped.", ("outcome",))
        for outcome in ("kept", "dropped"):
            self.quarantined.labels(outcome)
        self.audit_healthy = gauge("audit_healthy", "Whether the audit log took what it was last given.")
        self.audit_queue = gauge("audit_queue", "Audit records that wait for the disk.")
        self.observe_stage: dict[str, Callable[[float], None]] = {
            stage: self.stage_seconds.labels(stage).observe for stage in STAGES
        }
        self._count_prompt, self._count_completion = (self.tokens.labels(kind).inc for kind in ("prompt", "completion"))
        self._dropped = 0
        # What is counted elsewhere comes in when somebody looks.
        self._before_render: list[Callable[[], None]] = []

    def before_render(self, refresh: Callable[[], None]) -> None:
        """Have something called before the metrics are shown, to set what is counted elsewhere."""
        self._before_render.append(refresh)

    def count(self, decision: Decision, *, direction: str, length: int, seconds: float) -> None:
        """Count one decision.

        Args:
            decision: what was decided.
            direction: `request` or `response`.
            length: of what was inspected.
            seconds: how long it took.
        """
        self.decisions.count(decision.verdict, direction, length, seconds)
        if decision.findings:
            self._count_findings(decision)
        if decision.reason:
            self._count_reason(decision)

    def _count_findings(self, decision: Decision) -> None:
        for rule, times in Tally(finding.rule for finding in decision.findings).items():
            self.findings.labels(rule).inc(times)
        if decision.verdict is Verdict.MASK:
            masked = (item for item in decision.findings if item.verdict is Verdict.MASK and item.entity)
            for entity, times in Tally(item.entity for item in masked).items():
                self.entities.labels(entity).inc(times)

    def _count_reason(self, decision: Decision) -> None:
        if decision.http_status >= 500:  # ours
            policy = "closed" if decision.verdict is Verdict.BLOCK else "open"
            self.failures.labels(decision.reason, policy).inc()
        else:
            self.refusals.labels(decision.reason).inc()

    def count_usage(self, prompt: int, completion: int, money: float, *, is_warned: bool) -> None:
        """Count what an answer used.

        Args:
            prompt: tokens.
            completion: tokens.
            money: by the price table.
            is_warned: whether a budget's soft threshold is reached.
        """
        self._count_prompt(prompt)
        self._count_completion(completion)
        self.cost.inc(money)
        if is_warned:
            self.budget_warnings.inc()

    def set_audit(self, *, waiting: int, dropped: int, is_healthy: bool) -> None:
        """Say how the audit log is.

        Args:
            waiting: records that wait for the disk.
            dropped: records lost since the start.
            is_healthy: whether the last write succeeded.
        """
        self.audit_queue.set(waiting)
        self.audit_healthy.set(is_healthy)
        self.audit_dropped.inc(dropped - self._dropped)
        self._dropped = dropped

    def set_bundle(
        self,
        *,
        name: str,
        version: str,
        revision: str,
        now: float,
        expires: float = 0.0,
        selftest_seconds: float = 0.0,
    ) -> None:
        """Say which bundle is in force.

        Args:
            name: of the bundle.
            version: of the bundle.
            revision: of its content.
            now: seconds since the epoch.
            expires: when its signatures expire, by the same clock; 0: never.
            selftest_seconds: how long its rules' own samples took.
        """
        self.bundle_expires.set(expires)
        self.selftest_seconds.set(selftest_seconds)
        self.bundle.clear()
        self.bundle.labels(name, version, revision).set(1)
        self.bundle_loaded.set(now)

    def refresh(self) -> None:
        """Set what is counted elsewhere."""
        for refresh in self._before_render:
            refresh()

    def render(self) -> str:
        """Return all metrics in Prometheus' text format."""
        self.refresh()
        return generate_latest(self.registry).decode()
