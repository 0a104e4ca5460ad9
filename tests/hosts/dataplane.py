"""A real Envoy that asks an ext_proc service about every request and answers 200 itself: `python dataplane.py PORT SOCKET...`."""

import json
import os
import sys

from sidecar.gateway.envoy import find_envoy

_FILTERS = "type.googleapis.com/envoy.extensions.filters"
_HTTP2 = {
    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": {}},
    }
}


def endpoint(address):
    """An endpoint of a `unix:` socket or a `host:port`."""
    if address.startswith("unix:"):
        return {"endpoint": {"address": {"pipe": {"path": address.removeprefix("unix:")}}}}
    host, _, port = address.rpartition(":")
    return {"endpoint": {"address": {"socket_address": {"address": host, "port_value": int(port)}}}}


def bootstrap(port, addresses):
    """Envoy's configuration."""
    process = {
        "name": "envoy.filters.http.ext_proc",
        "typed_config": {
            "@type": f"{_FILTERS}.http.ext_proc.v3.ExternalProcessor",
            "grpc_service": {
                "envoy_grpc": {"cluster_name": "filter"},
                # Only requests are sent to the filter here, which it would otherwise refuse to take for enough.
                "initial_metadata": [{"key": "x-sidecar-responses", "value": "unguarded"}],
            },
            "message_timeout": "5s",
            "processing_mode": {
                "response_header_mode": "SKIP",
                "request_body_mode": "BUFFERED",
                "response_body_mode": "NONE",
            },
        },
    }
    router = {"name": "envoy.filters.http.router", "typed_config": {"@type": f"{_FILTERS}.http.router.v3.Router"}}
    route = {"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": "ok"}}}
    manager = {
        "@type": f"{_FILTERS}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "edge",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        "http_filters": [process, router] if addresses else [router],
    }
    listener = {
        "name": "edge",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        ],
    }
    cluster = {
        "name": "filter",
        "type": "STATIC",
        "connect_timeout": "1s",
        "typed_extension_protocol_options": _HTTP2,
        "load_assignment": {
            "cluster_name": "filter",
            "endpoints": [{"lb_endpoints": [endpoint(address) for address in addresses]}],
        },
    }
    return {"static_resources": {"listeners": [listener], "clusters": [cluster] if addresses else []}}


def command(port, addresses, threads=1):
    """The command line that runs it."""
    config = json.dumps(bootstrap(port, addresses))
    options = ("--disable-hot-restart", "--concurrency", str(threads), "--log-level", "error")
    return [str(find_envoy()), "--config-yaml", config, *options]


if __name__ == "__main__":
    line = command(int(sys.argv[1]), sys.argv[2:])
    os.execv(line[0], line)
