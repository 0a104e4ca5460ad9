"""OpenTelemetry by OTLP: spans, and the same metrics that Prometheus reads; configured by the standard `OTEL_*` variables.

Imported only where an endpoint is configured. Metrics are not counted a second time: what `/metrics` shows is sent as it
is, once an interval, from a thread of its own. Figures of the GenAI conventions are kept beside them.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    HistogramDataPoint,
    Metric,
    MetricExporter,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.metrics.export import Histogram as OtlpHistogram
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Span as ApiSpan
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.metrics_core import Metric as Family

from sidecar import __version__
from sidecar.core.exchange import Headers
from sidecar.core.gatekeeper import Usage
from sidecar.core.trace_facts import Kind
from sidecar.errors import ConfigError

ENDPOINT_VARIABLE = "OTEL_EXPORTER_OTLP_ENDPOINT"
_PROTOCOL_VARIABLE = "OTEL_EXPORTER_OTLP_PROTOCOL"
_INTERVAL_VARIABLE = "OTEL_METRIC_EXPORT_INTERVAL"
_INTERVAL_MS = 60_000
_FLUSH_MS = 2_000
# Boundaries that the conventions recommend (gen-ai-metrics, 1.41).
_TOKEN_BUCKETS = tuple(4.0**power for power in range(14))
_DURATION_BUCKETS = tuple(0.01 * 2.0**power for power in range(14))
_SCOPE = "portcullis"
_propagator = TraceContextTextMapPropagator()


class _Span:
    """A sampled span."""

    __slots__ = ("_span", "headers")

    def __init__(self, span: ApiSpan) -> None:
        self._span = span
        carrier: dict[str, str] = {}
        _propagator.inject(carrier, trace.set_span_in_context(span))
        self.headers: Headers = tuple(carrier.items())

    def set(self, name: str, value: Any) -> None:
        """Set an attribute."""
        self._span.set_attribute(name, value)

    def add_event(self, name: str, attributes: Mapping[str, Any]) -> None:
        """Add something that happened."""
        self._span.add_event(name, attributes)

    def end(self, *, name: str = "", error: str = "") -> None:
        """End it."""
        if name:
            self._span.update_name(name)
        if error:
            self._span.set_attribute("error.type", error)
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()


class Otlp:
    """Sends what one process sees to an OTLP endpoint; never in the way of a request.

    Args:
        registry: the metrics.
        refresh: sets those that are counted elsewhere; called before they are sent.
        endpoint: overrides the standard variable; empty for that.
        worker: which worker this is.

    Raises:
        ConfigError: the protocol is unknown, or its exporter is not installed.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        *,
        refresh: Callable[[], None],
        endpoint: str = "",
        worker: int = 0,
    ) -> None:
        self._refresh = refresh
        spans, self._metrics = _exporters(endpoint)
        # Variables win: `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` name an installation.
        named = dict(Resource.create().attributes)
        if str(named.get("service.name", "")).startswith("unknown_service"):
            named["service.name"] = "portcullis"
        attributes = {"service.version": __version__, "service.instance.id": str(worker), **named}
        self._resource = Resource(attributes)
        self._provider = TracerProvider(resource=self._resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(spans))
        self._tracer = self._provider.get_tracer(_SCOPE, __version__)
        self._registry = registry
        self._own = CollectorRegistry()
        labels = ("gen_ai.operation.name", "gen_ai.provider.name")
        self._tokens = _histogram(
            self._own, "gen_ai_client_token_usage", (*labels, "gen_ai.token.type"), _TOKEN_BUCKETS
        )
        self._seconds = _histogram(self._own, "gen_ai_client_operation_duration", labels, _DURATION_BUCKETS)
        self._started = time.time_ns()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="otlp-metrics", daemon=True)
        self._thread.start()

    def begin(
        self, name: str, *, is_client: bool, parent: tuple[str, str], attributes: Mapping[str, Any]
    ) -> _Span | None:
        """Begin a span; None where the sampler (`OTEL_TRACES_SAMPLER`) leaves it out."""
        traceparent, tracestate = parent
        context = None
        if traceparent:
            context = _propagator.extract({"traceparent": traceparent, "tracestate": tracestate})
        kind = SpanKind.CLIENT if is_client else SpanKind.SERVER
        span = self._tracer.start_span(name, context, kind, attributes=attributes)
        return _Span(span) if span.is_recording() else None

    def used(self, kind: Kind, model: str, usage: Usage, seconds: float) -> None:
        """Count what an answer used; without the model's name, which callers choose."""
        del model
        self._tokens.labels(kind.operation, kind.provider, "input").observe(usage.prompt_tokens)
        self._tokens.labels(kind.operation, kind.provider, "output").observe(usage.completion_tokens)
        self._seconds.labels(kind.operation, kind.provider).observe(seconds)

    def close(self) -> None:
        """Send what is left, for at most a few seconds."""
        self._stopping.set()
        self._thread.join(_FLUSH_MS / 1000)
        self._provider.force_flush(_FLUSH_MS)
        self._provider.shutdown()
        self._metrics.shutdown(_FLUSH_MS)

    def _run(self) -> None:
        interval = float(os.environ.get(_INTERVAL_VARIABLE, _INTERVAL_MS)) / 1000
        is_last = False
        while not is_last:
            is_last = self._stopping.wait(interval)
            # A receiver that is away is logged by the exporter; figures are cumulative, so that nothing is lost.
            self._metrics.export(self._collect(), timeout_millis=_FLUSH_MS)

    def _collect(self) -> MetricsData:
        self._refresh()
        now = time.time_ns()
        families = [*self._registry.collect(), *self._own.collect()]
        metrics = [metric for family in families if (metric := _convert(family, self._started, now)) is not None]
        scope = ScopeMetrics(InstrumentationScope(_SCOPE, __version__), metrics, "")
        return MetricsData([ResourceMetrics(self._resource, [scope], "")])


def _histogram(registry: CollectorRegistry, name: str, labels: Iterable[str], buckets: tuple[float, ...]) -> Histogram:
    plain = tuple(label.replace(".", "__") for label in labels)
    return Histogram(name, "By the GenAI conventions.", plain, buckets=buckets, registry=registry)


# Prometheus' names have no dots; those of the conventions do.
_DOTTED = {
    "gen_ai_client_token_usage": ("gen_ai.client.token.usage", "{token}"),
    "gen_ai_client_operation_duration": ("gen_ai.client.operation.duration", "s"),
}


def _convert(family: Family, started: int, now: int) -> Metric | None:
    """Return a family of Prometheus as OTLP has it; None where it holds nothing."""
    name, unit = _DOTTED.get(family.name, (family.name, "s" if family.name.endswith("_seconds") else "1"))
    data: Sum | Gauge | OtlpHistogram
    if family.type == "histogram":
        points = _histogram_points(family, started, now)
        data = OtlpHistogram(points, AggregationTemporality.CUMULATIVE)
        return Metric(name, family.documentation, unit, data) if points else None
    numbers = [
        NumberDataPoint(_attributes(sample.labels), started, now, float(sample.value))
        for sample in family.samples
        if not sample.name.endswith("_created")
    ]
    if not numbers:
        return None
    data = Sum(numbers, AggregationTemporality.CUMULATIVE, True) if family.type == "counter" else Gauge(numbers)
    return Metric(name, family.documentation, unit, data)


def _histogram_points(family: Family, started: int, now: int) -> list[HistogramDataPoint]:
    found: dict[tuple[tuple[str, str], ...], tuple[list[tuple[float, float]], dict[str, float]]] = {}
    for sample in family.samples:
        labels = {key: value for key, value in sample.labels.items() if key != "le"}
        buckets, totals = found.setdefault(tuple(labels.items()), ([], {}))
        if sample.name.endswith("_bucket"):
            buckets.append((float(sample.labels["le"]), sample.value))
        else:
            totals[sample.name.rpartition("_")[2]] = sample.value
    points = []
    for labels_, (buckets, totals) in found.items():
        cumulative = [count for _, count in buckets]
        counts = [int(count - before) for count, before in zip(cumulative, [0.0, *cumulative], strict=False)]
        bounds = [bound for bound, _ in buckets if not math.isinf(bound)]
        points.append(
            HistogramDataPoint(
                attributes=_attributes(dict(labels_)),
                start_time_unix_nano=started,
                time_unix_nano=now,
                count=int(totals.get("count", 0)),
                sum=totals.get("sum", 0.0),
                bucket_counts=counts,
                explicit_bounds=bounds,
                # What Prometheus does not keep; OTLP calls them optional, the SDK's encoder does not.
                min=0.0,
                max=0.0,
            )
        )
    return points


def _attributes(labels: Mapping[str, str]) -> dict[str, str]:
    return {key.replace("__", "."): value for key, value in labels.items()}


def _exporters(endpoint: str) -> tuple[SpanExporter, MetricExporter]:
    """Return what sends, by `OTEL_EXPORTER_OTLP_PROTOCOL`; all other settings are the exporters' own variables."""
    protocol = os.environ.get(_PROTOCOL_VARIABLE, "grpc")
    base = endpoint or os.environ.get(ENDPOINT_VARIABLE, "")
    try:
        if protocol == "grpc":
            from opentelemetry.exporter.otlp.proto.grpc import metric_exporter, trace_exporter  # noqa: PLC0415

            insecure = not base.startswith("https://")
            return (
                trace_exporter.OTLPSpanExporter(base, insecure=insecure),
                metric_exporter.OTLPMetricExporter(base, insecure=insecure),
            )
        if protocol == "http/protobuf":
            from opentelemetry.exporter.otlp.proto.http import metric_exporter as metric_http  # noqa: PLC0415
            from opentelemetry.exporter.otlp.proto.http import trace_exporter as trace_http  # noqa: PLC0415

            base = base.rstrip("/")
            return (
                trace_http.OTLPSpanExporter(endpoint=f"{base}/v1/traces"),
                metric_http.OTLPMetricExporter(endpoint=f"{base}/v1/metrics"),
            )
    except ImportError as error:
        raise ConfigError(f"--otlp: {error.name} is not installed (pip install 'portcullis-sidecar[otel]')") from None
    raise ConfigError(f"{_PROTOCOL_VARIABLE}: {protocol!r} is neither grpc nor http/protobuf")
