"""Upstreams as Envoy's clusters: each pool of the upstreams file is one, with Envoy's own weights, priorities and health.

What the file says is said to Envoy in its own words where it has them. What it has none for is refused, or noted in
docs/forwarding.md.
"""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Sequence
from typing import Any

from sidecar.core.upstreams import POOL_HEADER, Pool, Target, Upstream
from sidecar.errors import ConfigError
from sidecar.rules.upstreams import Forwarding, HealthChecks

UPSTREAM_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_TLS_SOCKET = "envoy.transport_sockets.tls"
_MATCH = "envoy.transport_socket_match"
# Where a request lands that nobody chose a way for; it never gets there while the filter is in its path.
_NO_WAY = {
    "match": {"prefix": "/"},
    "direct_response": {"status": 503, "body": {"inline_string": "no upstream was chosen for this request"}},
}


def pools_of(forwarding: Forwarding) -> tuple[Pool, ...]:
    """Return the pools that have somebody in them.

    Raises:
        ConfigError: the file asks for what Envoy does not do.
    """
    if forwarding.hedge is not None:
        raise ConfigError("upstreams: the gateway does not hedge; leave out `hedge`")
    pools = tuple(pool for pool in forwarding.directory.pools if pool.targets)
    for pool in pools:
        prefixes = {upstream.location.prefix for upstream in _members(forwarding, pool)}
        if len(prefixes) > 1:
            raise ConfigError(
                f"upstreams: route {pool.name}: the gateway needs one path prefix for all of a route's URLs"
            )
    return pools


def routes(forwarding: Forwarding) -> list[dict[str, Any]]:
    """Write Envoy's routes: by the header that the filter sets once it knows the model."""
    pools = pools_of(forwarding)
    if forwarding.directory.is_simple:
        return [_route(forwarding, pools[0], {"prefix": "/"})]
    chosen = [
        _route(
            forwarding,
            pool,
            {"prefix": "/", "headers": [{"name": POOL_HEADER, "string_match": {"exact": pool.name}}]},
        )
        for pool in pools
    ]
    return [*chosen, _NO_WAY]


def _route(forwarding: Forwarding, pool: Pool, match: dict[str, Any]) -> dict[str, Any]:
    members = _members(forwarding, pool)
    action: dict[str, Any] = {
        "cluster": cluster_name(pool),
        # An answer takes as long as it takes; the idle timeout ends those that have died.
        "timeout": "0s",
        "retry_policy": _retries(forwarding),
    }
    if len(members) == 1:
        action["host_rewrite_literal"] = members[0].location.authority
    else:
        action["auto_host_rewrite"] = True
    prefix = members[0].location.prefix
    if prefix:
        action["regex_rewrite"] = {"pattern": {"regex": "^/"}, "substitution": f"{prefix}/"}
    return {"match": match, "route": action, "request_headers_to_remove": [POOL_HEADER]}


def _retries(forwarding: Forwarding) -> dict[str, Any]:
    """Write what is sent again: what no upstream has begun with, to another upstream where there is one."""
    retries = forwarding.retries
    return {
        "retry_on": "connect-failure,refused-stream,retriable-status-codes",
        "retriable_status_codes": list(retries.statuses),
        "num_retries": retries.attempts - 1,
        "per_try_idle_timeout": f"{forwarding.timeouts.answer}s",
        "retry_back_off": {"base_interval": "0.025s", "max_interval": "0.25s"},
        "rate_limited_retry_back_off": {
            "reset_headers": [{"name": "retry-after", "format": "SECONDS"}],
            "max_interval": f"{retries.wait}s",
        },
        "retry_host_predicate": [
            _extension(
                "envoy.retry_host_predicates.previous_hosts", "retry.host.previous_hosts.v3.PreviousHostsPredicate"
            )
        ],
        "host_selection_retry_max_attempts": 5,
        "retry_priority": _extension(
            "envoy.retry_priorities.previous_priorities",
            "retry.priority.previous_priorities.v3.PreviousPrioritiesConfig",
            update_frequency=1,
        ),
    }


def _extension(name: str, kind: str, **config: Any) -> dict[str, Any]:
    return {"name": name, "typed_config": {"@type": f"type.googleapis.com/envoy.extensions.{kind}", **config}}


def clusters(forwarding: Forwarding, buffer_bytes: int) -> list[dict[str, Any]]:
    """Write one cluster for each pool.

    Args:
        forwarding: the upstreams file.
        buffer_bytes: of each connection.
    """
    return [_cluster(forwarding, pool, buffer_bytes) for pool in pools_of(forwarding)]


def cluster_name(pool: Pool) -> str:
    """Return the name of a pool's cluster."""
    return f"upstream_{pool.name}"


def _members(forwarding: Forwarding, pool: Pool) -> list[Upstream]:
    return [forwarding.directory.upstreams[target.upstream] for target in pool.targets]


def _cluster(forwarding: Forwarding, pool: Pool, buffer_bytes: int) -> dict[str, Any]:
    members = _members(forwarding, pool)
    name = cluster_name(pool)
    cluster: dict[str, Any] = {
        "name": name,
        "type": _discovery(members),
        # Both families, tried in turn for each connection: a name may have an address on which nobody listens.
        "dns_lookup_family": "ALL",
        "connect_timeout": f"{forwarding.timeouts.connect}s",
        "per_connection_buffer_limit_bytes": buffer_bytes,
        "lb_policy": "LEAST_REQUEST",
        # Nobody is asked who is known to be down, even if nobody else is left.
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
        "outlier_detection": _outliers(forwarding, len(members)),
        "circuit_breakers": _limits(forwarding, members),
        "load_assignment": {"cluster_name": name, "endpoints": _localities(forwarding, pool.targets)},
        **_transport(members),
    }
    if forwarding.health is not None:
        cluster["health_checks"] = [_health(forwarding.health, members[0].location.prefix)]
    return cluster


def _discovery(members: Sequence[Upstream]) -> str:
    if all(is_ip(member.location.host) for member in members):
        return "STATIC"
    return "LOGICAL_DNS" if len(members) == 1 else "STRICT_DNS"


def _localities(forwarding: Forwarding, targets: Sequence[Target]) -> list[dict[str, Any]]:
    """Write the upstreams by priority; Envoy wants them numbered without gaps."""
    return [
        {
            "priority": rank,
            "lb_endpoints": [
                _endpoint(forwarding.directory.upstreams[target.upstream], target.weight)
                for target in targets
                if target.priority == priority
            ],
        }
        for rank, priority in enumerate(sorted({target.priority for target in targets}))
    ]


def _endpoint(upstream: Upstream, weight: int) -> dict[str, Any]:
    location = upstream.location
    return {
        "endpoint": {
            "address": {"socket_address": {"address": location.host, "port_value": location.port}},
            "hostname": location.authority,
            "health_check_config": {"hostname": location.authority},
        },
        "load_balancing_weight": weight,
        "metadata": {"filter_metadata": {_MATCH: {"upstream": upstream.name}}},
    }


def _outliers(forwarding: Forwarding, count: int) -> dict[str, Any]:
    """Write when an endpoint is left out; for one that is alone, that is what the breaker says."""
    outliers, breaker = forwarding.outliers, forwarding.breaker
    alone = count == 1
    return {
        "consecutive_5xx": outliers.consecutive,
        # An error 500 may be the request's own: reason to ask others, none to shut the only one.
        "enforcing_consecutive_5xx": 0 if alone else 100,
        "consecutive_gateway_failure": breaker.failures if alone else outliers.consecutive,
        "enforcing_consecutive_gateway_failure": 100,
        "base_ejection_time": f"{breaker.seconds if alone else outliers.seconds}s",
        "max_ejection_time": f"{breaker.max_seconds if alone else outliers.max_seconds}s",
        "interval": f"{breaker.seconds if alone else min(outliers.seconds, outliers.window)}s",
        "max_ejection_percent": 100 if alone else int(100 * outliers.max_share),
        # Envoy's own rate is a matter of deviations among many hosts; ours is a plain share.
        "enforcing_success_rate": 0,
        "failure_percentage_threshold": int(100 * (1 - outliers.success_rate)),
        "enforcing_failure_percentage": 100 if outliers.success_rate and not alone else 0,
        "failure_percentage_minimum_hosts": 1,
        "failure_percentage_request_volume": outliers.min_requests,
    }


def _limits(forwarding: Forwarding, members: Sequence[Upstream]) -> dict[str, Any]:
    """Write the limits of a pool: Envoy counts requests by cluster, so that they are those of its members together."""
    most = sum(member.concurrent for member in members)
    retries = forwarding.retries
    budget = {"budget_percent": {"value": 100 * retries.budget}, "min_retry_concurrency": max(1, int(retries.reserve))}
    limits = {"max_connections": most, "max_pending_requests": most, "max_requests": most, "retry_budget": budget}
    return {"thresholds": [limits]}


def _health(health: HealthChecks, prefix: str) -> dict[str, Any]:
    return {
        "timeout": f"{health.timeout}s",
        "interval": f"{health.interval}s",
        "no_traffic_interval": f"{health.interval}s",
        "interval_jitter_percent": 10,
        "unhealthy_threshold": health.unhealthy_after,
        "healthy_threshold": health.healthy_after,
        "http_health_check": {
            "path": prefix + health.path,
            "expected_statuses": [{"start": status, "end": status + 1} for status in health.statuses],
        },
    }


def _transport(members: Sequence[Upstream]) -> dict[str, Any]:
    """Write TLS, and the version of HTTP: agreed on where all use TLS, by prior knowledge where all ask for that."""
    secure = [member for member in members if member.location.tls]
    options: dict[str, Any] = {}
    if len(secure) == len(members):
        options = {"auto_config": {"http_protocol_options": {}, "http2_protocol_options": {}}}
    elif not secure and all(member.http2 for member in members):
        options = {"explicit_http_config": {"http2_protocol_options": {}}}
    protocols = ["h2", "http/1.1"] if "auto_config" in options else ["http/1.1"]
    written: dict[str, Any] = {}
    if options:
        written["typed_extension_protocol_options"] = {
            UPSTREAM_OPTIONS: {"@type": f"type.googleapis.com/{UPSTREAM_OPTIONS}", **options}
        }
    if len(secure) == len(members):
        written["transport_socket"] = _tls(secure[0], protocols)
    if secure and len(members) > 1:
        written["transport_socket_matches"] = [
            {"name": member.name, "match": {"upstream": member.name}, "transport_socket": _tls(member, protocols)}
            for member in secure
        ]
    return written


def is_ip(host: str) -> bool:
    """Tell whether a host is an address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _tls(upstream: Upstream, protocols: list[str]) -> dict[str, Any]:
    host = upstream.location.host
    system = ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt"
    name = "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"
    san = {"san_type": "IP_ADDRESS" if is_ip(host) else "DNS", "matcher": {"exact": host}}
    context: dict[str, Any] = {
        "@type": f"type.googleapis.com/{name}",
        "common_tls_context": {
            "alpn_protocols": protocols,
            "validation_context": {
                "trusted_ca": {"filename": upstream.authorities or system},
                "match_typed_subject_alt_names": [san],
            },
        },
    }
    if not is_ip(host):
        context["sni"] = host
    return {"name": _TLS_SOCKET, "typed_config": context}
