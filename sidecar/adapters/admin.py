"""The admin port, for this machine only: /metrics, /healthz, /readyz."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec

from sidecar.errors import ConfigError

_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Admin:
    """Answers monitoring in a thread of its own.

    Args:
        host: the address to bind; the loopback unless something else guards the port.
        port: 0 chooses one.
        metrics: all metrics in Prometheus' text format.
        status: what `/healthz` shows; `ready` in it decides `/readyz`.

    Raises:
        ConfigError: the address is taken.
    """

    def __init__(
        self, host: str, port: int, *, metrics: Callable[[], str], status: Callable[[], dict[str, Any]]
    ) -> None:
        pages: dict[str, Callable[[], tuple[int, str, bytes]]] = {
            "/metrics": lambda: (200, _METRICS_TYPE, metrics().encode()),
            "/healthz": lambda: (200, "application/json", msgspec.json.encode(status())),
            "/readyz": lambda: (
                200 if status().get("ready") else 503,
                "application/json",
                msgspec.json.encode(status()),
            ),
        }
        try:
            self._server = ThreadingHTTPServer((host, port), _handler(pages))
        except OSError as error:
            raise ConfigError(f"admin: cannot bind {host}:{port}: {error.strerror}") from None
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, name="admin", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(pages: dict[str, Callable[[], tuple[int, str, bytes]]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 5  # a client that connects and says nothing

        def do_GET(self) -> None:
            page = pages.get(self.path.split("?", 1)[0])
            code, kind, body = page() if page else (404, "text/plain", b"try /metrics, /healthz or /readyz\n")
            self.send_response(code)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            """Keep scrapes out of the log."""

    return Handler
