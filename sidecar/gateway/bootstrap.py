"""Envoy's bootstrap configuration as a plain value; the same tables that docs/envoy explains."""

from __future__ import annotations

import ipaddress
from typing import Any

import msgspec

from sidecar.adapters.extproc import PEER_ATTRIBUTES
from sidecar.core.refusal import METADATA_NAMESPACE
from sidecar.core.upstreams import POOL_HEADER
from sidecar.errors import ConfigError
from sidecar.gateway.clusters import UPSTREAM_OPTIONS, clusters, routes
from sidecar.hosts.envoy import downstream_tls
from sidecar.hosts.listen import TcpAddress, Tls, UnixAddress, parse_address
from sidecar.rules.upstreams import Forwarding, single

_HTTP = "type.googleapis.com/envoy.extensions.filters.http"
# Envoy's buffers must not be the tighter limit: ours answers in the caller's API shape.
_BUFFER_ROOM = 64 * 1024
# Longer than any model thinks before its first token; a dead peer is found by TCP and HTTP/2 keepalive.
_IDLE_SECONDS = 900
# Time for one message, and our own deadline below it, so that we and not Envoy write the refusal.
MESSAGE_SECONDS = 10.0
DEADLINE_SECONDS = 8.0


class Plan(msgspec.Struct, frozen=True):
    """What Envoy is to do.

    Args:
        listen: where clients connect.
        upstream: where clean requests go.
        filter_sockets: the Unix sockets of the sidecar's workers; all are listed, as one connection stays on one.
        admin_socket: Envoy's own admin interface, a Unix socket.
        body_limit: the largest body, in bytes.
        application: the name under which policies know the traffic.
        modes: ext_proc's body modes, request and response.
        tls: the listener's certificate, and whose clients it admits; None: plain HTTP.
    """

    listen: TcpAddress
    upstream: Forwarding
    filter_sockets: tuple[str, ...]
    admin_socket: str
    body_limit: int
    application: str = ""
    modes: tuple[str, str] = ("BUFFERED", "BUFFERED")
    tls: Tls | None = None


def parse_listen(text: str) -> TcpAddress:
    """Read where clients connect: `host:port` or `:port`, the host as an IP address.

    Raises:
        ConfigError: it is neither.
    """
    address = parse_address(text)
    if isinstance(address, UnixAddress):
        raise ConfigError(f"--listen {text}: the gateway listens on TCP; give an address such as 127.0.0.1:8080")
    try:
        host = str(ipaddress.ip_address({"localhost": "127.0.0.1"}.get(address.host, address.host)))
    except ValueError:
        raise ConfigError(f"--listen {text}: the host must be an IP address, such as 127.0.0.1 or 0.0.0.0") from None
    return TcpAddress(host, address.port)


def parse_upstream(url: str) -> Forwarding:
    """Read the URL of an upstream.

    Raises:
        ConfigError: it is no http or https URL with a host.
    """
    try:
        return single(url)
    except ConfigError:
        raise ConfigError(
            "--upstream: give `demo` or a URL such as http://127.0.0.1:4000 or https://llm.example.com"
        ) from None


def bootstrap(plan: Plan) -> dict[str, Any]:
    """Write Envoy's configuration for a plan."""
    return {
        "admin": {"address": {"pipe": {"path": plan.admin_socket, "mode": 0o600}}},
        "static_resources": {
            "listeners": [_listener(plan)],
            "clusters": [_filter_cluster(plan), *clusters(plan.upstream, plan.body_limit + _BUFFER_ROOM)],
        },
    }


def _listener(plan: Plan) -> dict[str, Any]:
    chain: dict[str, Any] = {"filters": [{"name": "http", "typed_config": _connection_manager(plan)}]}
    if plan.tls is not None:
        chain["transport_socket"] = downstream_tls(plan.tls, ("h2", "http/1.1"))
    return {
        "name": "gateway",
        "address": {"socket_address": {"address": plan.listen.host, "port_value": plan.listen.port}},
        # A second gateway on the port must fail, not share it.
        "enable_reuse_port": False,
        "per_connection_buffer_limit_bytes": plan.body_limit + _BUFFER_ROOM,
        "filter_chains": [chain],
    }


def _connection_manager(plan: Plan) -> dict[str, Any]:
    name = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
    return {
        "@type": f"type.googleapis.com/{name}",
        "stat_prefix": "gateway",
        "codec_type": "AUTO",
        "use_remote_address": True,
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "UNESCAPE_AND_REDIRECT",
        "server_header_transformation": "PASS_THROUGH",
        "stream_idle_timeout": f"{_IDLE_SECONDS}s",
        "request_headers_timeout": "10s",
        "request_timeout": "120s",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes(plan.upstream)}]},
        "early_header_mutation_extensions": [_never_from_clients()],
        "http_filters": [_ext_proc(plan), {"name": "router", "typed_config": {"@type": f"{_HTTP}.router.v3.Router"}}],
        "local_reply_config": {"mappers": _local_replies()},
    }


def _never_from_clients() -> dict[str, Any]:
    """Remove, before any filter, the header by which the filter chooses the way."""
    name = "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation"
    config = {"@type": f"type.googleapis.com/{name}", "mutations": [{"remove": POOL_HEADER}]}
    return {"name": "envoy.http.early_header_mutation.header_mutation", "typed_config": config}


def _ext_proc(plan: Plan) -> dict[str, Any]:
    request, response = plan.modes
    return {
        "name": "portcullis",
        "typed_config": {
            "@type": f"{_HTTP}.ext_proc.v3.ExternalProcessor",
            "grpc_service": {
                "envoy_grpc": {"cluster_name": "filter"},
                "initial_metadata": [
                    {"key": "x-sidecar-application", "value": plan.application},
                    {"key": "x-sidecar-deadline", "value": str(DEADLINE_SECONDS)},
                    {"key": "x-sidecar-override", "value": "allowed"},
                ],
            },
            "failure_mode_allow": False,
            "message_timeout": f"{MESSAGE_SECONDS}s",
            "allow_mode_override": True,
            "processing_mode": {
                "request_header_mode": "SEND",
                "request_body_mode": request,
                "request_trailer_mode": "SEND",
                "response_header_mode": "SEND",
                "response_body_mode": response,
                "response_trailer_mode": "SEND",
            },
            # Who the client is, by its address and by a certificate that Envoy has verified; its headers say neither.
            "request_attributes": ["source.address", *PEER_ATTRIBUTES],
            "response_attributes": ["response.code_details"],
            "metadata_options": {"receiving_namespaces": {"untyped": [METADATA_NAMESPACE]}},
        },
    }


# Envoy's own refusals, in the error shape of the API: 502 where the upstream may have processed the request, 504 where it was
# too late, 503 where nobody was asked. The first that fits counts.
_BROKE_OFF = ["UC", "UR", "UPE"]
_LATE = ["UT"]
_UNREACHABLE = ["UF", "UH", "UO", "NC", "NR", "DF", "URX", "OM"]


def _local_replies() -> list[dict[str, Any]]:
    return [
        _upstream_error(_BROKE_OFF, 502, "The upstream gateway broke off (%RESPONSE_FLAGS%).", "upstream_failed"),
        _upstream_error(
            _LATE, 504, "The upstream gateway did not answer in time (%RESPONSE_FLAGS%).", "upstream_timeout"
        ),
        _upstream_error(
            _UNREACHABLE, 503, "The upstream gateway cannot be reached (%RESPONSE_FLAGS%).", "upstream_unavailable"
        ),
        {
            "filter": _cel("response.code_details == 'request_payload_too_large'"),
            "body_format_override": _openai_error(
                "The body is larger than the gateway accepts.", "invalid_request_error", "limits.exceeded"
            ),
        },
        {
            "filter": _cel("response.code_details == 'request_overall_timeout'"),
            "body_format_override": _openai_error(
                "The request took too long to arrive.", "timeout_error", "request_timeout"
            ),
        },
    ]


def _upstream_error(flags: list[str], status: int, message: str, code: str) -> dict[str, Any]:
    return {
        "filter": {"response_flag_filter": {"flags": flags}},
        "status_code": status,
        "body_format_override": _openai_error(message, "server_error", code),
    }


def _cel(expression: str) -> dict[str, Any]:
    name = "envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter"
    config = {"@type": f"type.googleapis.com/{name}", "expression": expression}
    return {"extension_filter": {"name": "envoy.access_loggers.extension_filters.cel", "typed_config": config}}


def _openai_error(message: str, kind: str, code: str) -> dict[str, Any]:
    return {"json_format": {"error": {"message": message, "type": kind, "code": code, "param": None}}}


# Several workers: to the one with the fewest streams, and none to one that drains or is being replaced.
_WORKER_BALANCE: dict[str, Any] = {
    "lb_policy": "LEAST_REQUEST",
    # By default what is learned of health reaches the threads up to a second late, in one go: 1,600 failed requests.
    "common_lb_config": {"healthy_panic_threshold": {"value": 0}, "update_merge_window": "0s"},
    "health_checks": [
        {
            "timeout": "1s",
            "interval": "1s",
            "no_traffic_interval": "1s",
            # A worker that is back is back at once.
            "unhealthy_interval": "0.1s",
            "unhealthy_threshold": 1,
            "healthy_threshold": 1,
            "grpc_health_check": {},
        }
    ],
    # A dead worker refuses streams faster than any other answers them, so that "fewest streams" would choose it until the
    # next health check: one refused connection or broken stream puts it aside until that check passes.
    "outlier_detection": {
        "split_external_local_origin_errors": True,
        "consecutive_local_origin_failure": 1,
        "enforcing_consecutive_local_origin_failure": 100,
        "enforcing_local_origin_success_rate": 0,
        "consecutive_5xx": 1000,
        "enforcing_consecutive_5xx": 0,
        "enforcing_consecutive_gateway_failure": 0,
        "enforcing_success_rate": 0,
        "base_ejection_time": "1s",
        "max_ejection_time": "1s",
        "max_ejection_percent": 100,
        "always_eject_one_host": True,
    },
}


def _filter_cluster(plan: Plan) -> dict[str, Any]:
    endpoints = [{"endpoint": {"address": {"pipe": {"path": path}}}} for path in plan.filter_sockets]
    return {
        "name": "filter",
        **(_WORKER_BALANCE if len(endpoints) > 1 else {}),
        "type": "STATIC",
        "connect_timeout": "1s",
        "per_connection_buffer_limit_bytes": plan.body_limit + _BUFFER_ROOM,
        "typed_extension_protocol_options": {
            UPSTREAM_OPTIONS: {
                "@type": f"type.googleapis.com/{UPSTREAM_OPTIONS}",
                "explicit_http_config": {"http2_protocol_options": {"initial_stream_window_size": 2**20}},
            }
        },
        "load_assignment": {"cluster_name": "filter", "endpoints": [{"lb_endpoints": endpoints}]},
    }
