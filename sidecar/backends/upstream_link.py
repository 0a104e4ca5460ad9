"""One upstream's connections: HTTP/1.1 or HTTP/2, kept and reused; a request that is dropped is reset at the upstream.

The client is pyqwest (hyper): 8 times the requests of httpx on one core, and httpx (httpcore 1.0.9) never resets an HTTP/2
stream that nobody reads any more, so that the upstream would go on generating (RATIONALE.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pyqwest

from sidecar.core.upstreams import Outbound, Upstream
from sidecar.errors import ConfigError, MalformedRequest

# RFC 9110, section 7.6.1, and what the client library sets itself.
_HOP_BY_HOP = frozenset(
    {
        "connection",
        "content-length",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_IDLE_CONNECTIONS = 256
_IDLE_SECONDS = 60.0
_TCP_KEEPALIVE_SECONDS = 15.0
# Proxies of the environment are not for us: nothing is asked but what the configuration names. A proxy that is used for no
# address is how the client library is told so.
_NO_PROXY = pyqwest.Proxy("http://127.0.0.1:9", no_proxy="0.0.0.0/0,::/0,*")

# What the library raises once a connection stands: the request may have been read.
BROKEN = (pyqwest.ReadError, pyqwest.WriteError, pyqwest.RemoteProtocolError)


class Link:
    """The connections to one upstream.

    Args:
        upstream: which.
        connect_seconds: until a connection stands.

    Raises:
        ConfigError: its file of certificate authorities cannot be read.
    """

    def __init__(self, upstream: Upstream, connect_seconds: float) -> None:
        self._base = upstream.location.url
        authorities = _read(upstream.authorities) if upstream.authorities else None
        self._transport = pyqwest.HTTPTransport(
            tls_ca_cert=authorities,
            tls_include_system_certs=authorities is None,
            http_version=pyqwest.HTTPVersion.HTTP2 if upstream.http2 else None,
            proxy=_NO_PROXY,
            connect_timeout=connect_seconds,
            pool_idle_timeout=_IDLE_SECONDS,
            pool_max_idle_per_host=_IDLE_CONNECTIONS,
            tcp_keepalive_interval=_TCP_KEEPALIVE_SECONDS,
            # An answer in a coding that we do not read could not be guarded.
            enable_gzip=False,
            enable_brotli=False,
            enable_zstd=False,
            use_system_dns=True,
            follow_redirects=False,
            enable_otel=False,
        )

    async def ask(self, outbound: Outbound) -> pyqwest.Response:
        """Send a request and return the answer once its headers are there.

        Raises:
            MalformedRequest: it cannot be written down as HTTP.
            ConnectionError: nobody was reached.
            pyqwest.RemoteProtocolError, pyqwest.ReadError, pyqwest.WriteError: the upstream broke off.
        """
        try:
            request = pyqwest.Request(
                outbound.method,
                self._base + outbound.path,
                pyqwest.Headers(sendable(outbound.headers).items()),
                outbound.body,
            )
        except ValueError:
            # The library's own message quotes the value.
            raise MalformedRequest("the request has a method, path or header that HTTP does not allow") from None
        return await self._transport.execute(request)


def sendable(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of a request that go on, with the one that keeps answers readable."""
    return {**_kept(headers.items()), "accept-encoding": "identity"}


def received(response: pyqwest.Response) -> dict[str, str]:
    """Return the headers of an answer that go on; repeated ones are joined."""
    headers = response.headers
    return _kept([(name, ", ".join(headers.getall(name))) for name in headers])


def _kept(items: Iterable[tuple[str, str]]) -> dict[str, str]:
    headers = {name.lower(): value for name, value in items}
    named = {name.strip().lower() for name in headers.get("connection", "").split(",")}
    return {name: value for name, value in headers.items() if name not in _HOP_BY_HOP and name not in named}


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: no such file of certificate authorities ({error.strerror})") from None
