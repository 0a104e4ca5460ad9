"""Metrics of upstreams: `sidecar_upstream_*`; labels are the names of the upstreams file and words of closed sets."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from sidecar.core.balance import STATES, Balancer

# How an attempt at an upstream ended. `answered` is any status below 500 but 429.
OUTCOMES: Final = ("answered", "throttled", "error_status", "unreachable", "broke_off", "timeout", "cancelled")


class UpstreamMetrics:
    """Counts what becomes of requests to upstreams.

    Args:
        registry: where the metrics are added.
        seconds: the histogram of seconds to an upstream's headers.
    """

    def __init__(self, registry: CollectorRegistry, seconds: Histogram) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"sidecar_upstream_{name}", text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"sidecar_upstream_{name}", text, labels, registry=registry)

        self.seconds = seconds
        self.attempts = counter("attempts", "Attempts at upstreams, by how they ended.", "upstream", "outcome")
        self.retries = counter("retries", "Requests that were sent once more, and why.", "reason")
        self.hedges = counter("hedges", "Requests for which a second upstream was asked.")
        self.refused = counter("refused", "Requests that no upstream was asked for, and why.", "reason")
        self.changes = counter("changes", "Breakers opened and closed, upstreams ejected.", "upstream", "change")
        self.probes = counter("health_checks", "Active health checks.", "upstream", "result")
        self.in_flight = gauge("in_flight", "Requests under way.", "upstream")
        self.state = gauge("state", "1 for the state an upstream is in, 0 for the others.", "upstream", "state")

    def show(self, balancer: Balancer, names: tuple[str, ...], now: float) -> None:
        """Bring the gauges up to date; called when metrics are asked for."""
        # A file that was read anew may have others.
        self.in_flight.clear()
        self.state.clear()
        for name in names:
            self.in_flight.labels(name).set(balancer.in_flight(name))
            current = balancer.state(name, now)
            for state in STATES:
                self.state.labels(name, state).set(state == current)
