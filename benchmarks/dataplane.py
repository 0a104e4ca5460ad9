"""A real Envoy in front of nothing: it asks an ext_proc server and answers by itself, so that only the filter costs."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sidecar.gateway.envoy import Envoy

_TYPE = "type.googleapis.com/envoy.extensions"


@asynccontextmanager
async def dataplane(target: str | None, *, concurrency: int = 1, cpus: Sequence[int] = ()) -> AsyncIterator[int]:
    """Run Envoy before an ext_proc server.

    Args:
        target: `host:port` of the server; None for an Envoy without the filter.
        concurrency: Envoy's worker threads.
        cpus: where it may run; everywhere if left out.

    Yields:
        The port where it listens for HTTP.
    """
    with tempfile.TemporaryDirectory() as folder:
        admin = Path(folder, "admin.sock")
        envoy = Envoy(_bootstrap(target, admin), admin, concurrency=concurrency)
        before = os.sched_getaffinity(0)
        if cpus:
            os.sched_setaffinity(0, cpus)  # inherited by the process that is started next
        try:
            await envoy.start()
        finally:
            os.sched_setaffinity(0, before)
        try:
            yield await envoy.port()
        finally:
            await envoy.stop()


def _bootstrap(target: str | None, admin: Path) -> dict[str, Any]:
    # Without a filter that waits for the body, Envoy would answer before it has read the request, and cut it off.
    filters = [_ext_proc() if target else _filter("buffer", "buffer.v3.Buffer", {"max_request_bytes": 2**20})]
    filters.append(_filter("router", "router.v3.Router", {}))
    clusters = [_cluster(target)] if target else []
    return {
        "admin": {"address": {"pipe": {"path": str(admin), "mode": 0o600}}},
        "static_resources": {"listeners": [_listener(filters)], "clusters": clusters},
    }


def _filter(name: str, kind: str, settings: dict[str, Any]) -> dict[str, Any]:
    return {"name": f"envoy.filters.http.{name}", "typed_config": {"@type": f"{_TYPE}.filters.http.{kind}", **settings}}


def _ext_proc() -> dict[str, Any]:
    settings = {
        "grpc_service": {"envoy_grpc": {"cluster_name": "filter"}},
        "message_timeout": "5s",
        "processing_mode": {
            "request_header_mode": "SEND",
            "response_header_mode": "SKIP",
            "request_body_mode": "BUFFERED",
        },
    }
    return _filter("ext_proc", "ext_proc.v3.ExternalProcessor", settings)


def _listener(filters: list[dict[str, Any]]) -> dict[str, Any]:
    answer = {"status": 200, "body": {"inline_string": "ok"}}
    route = {"match": {"prefix": "/"}, "direct_response": answer}
    manager = {
        "@type": f"{_TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "bench",
        "http2_protocol_options": {"max_concurrent_streams": 1000},
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        "http_filters": filters,
    }
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    address = {"socket_address": {"address": "127.0.0.1", "port_value": 0}}
    return {"name": "http", "address": address, "filter_chains": [chain]}


def _cluster(target: str) -> dict[str, Any]:
    host, _, port = target.rpartition(":")
    endpoint = {"endpoint": {"address": {"socket_address": {"address": host, "port_value": int(port)}}}}
    options = {
        "@type": f"{_TYPE}.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": {}},
    }
    return {
        "name": "filter",
        "type": "STATIC",
        "connect_timeout": "1s",
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options},
        "load_assignment": {"cluster_name": "filter", "endpoints": [{"lb_endpoints": [endpoint]}]},
    }
