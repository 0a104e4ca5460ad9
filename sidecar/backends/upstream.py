"""The upstream gateway over HTTP: one connection pool, HTTP/2 where it is offered, answers streamed as they come."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx

from sidecar.errors import DeadlineExceeded, UpstreamError

# A connection that was not made in this time will not be made; an answer may take as long as the model thinks.
CONNECT_SECONDS = 5.0
READ_SECONDS = 300.0

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


class Upstream:
    """An HTTP client bound to one upstream gateway.

    Args:
        url: where the gateway is, such as `http://127.0.0.1:4000`.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._client = httpx.AsyncClient(
            http2=True,
            timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
            limits=httpx.Limits(max_connections=1000, max_keepalive_connections=100),
            follow_redirects=False,
            trust_env=False,
        )

    @asynccontextmanager
    async def send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, *, seconds: float | None = None
    ) -> AsyncIterator[Answer]:
        """Send a request; the answer's body is read while the context is open.

        Args:
            method: the HTTP method.
            path: path and query.
            headers: hop-by-hop ones are dropped.
            body: the request's body.
            seconds: the caller's deadline; None for the pool's own.

        Raises:
            UpstreamError: the gateway cannot be reached or broke off; says where, never what was sent.
            DeadlineExceeded: the time was used up.
        """
        kept = {name: value for name, value in headers.items() if name.lower() not in _HOP_BY_HOP}
        # An answer in a coding that we do not read could not be guarded.
        kept["accept-encoding"] = "identity"
        timeout = None if seconds is None else httpx.Timeout(seconds, connect=min(seconds, CONNECT_SECONDS))
        request = self._client.build_request(
            method, self.url + path, headers=kept, content=body, timeout=timeout or httpx.USE_CLIENT_DEFAULT
        )
        try:
            response = await self._client.send(request, stream=True)
        except httpx.TimeoutException:
            raise DeadlineExceeded(f"the upstream {self.url} did not answer in time") from None
        except httpx.HTTPError as error:
            raise UpstreamError(f"the upstream {self.url} cannot be reached ({type(error).__name__})") from None
        try:
            yield Answer(response, self.url)
        finally:
            await response.aclose()

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()


class Answer:
    """The upstream's answer: status and headers at once, the body as it comes."""

    def __init__(self, response: httpx.Response, url: str) -> None:
        self._response = response
        self._url = url
        self.status = response.status_code
        self.headers = {
            name.lower(): value for name, value in response.headers.items() if name.lower() not in _HOP_BY_HOP
        }

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes.

        Raises:
            UpstreamError: the gateway broke off.
            DeadlineExceeded: it stopped sending.
        """
        try:
            async for chunk in self._response.aiter_raw():
                yield chunk
        except httpx.TimeoutException:
            raise DeadlineExceeded(f"the upstream {self._url} stopped sending") from None
        except httpx.HTTPError as error:
            raise UpstreamError(f"the upstream {self._url} broke off ({type(error).__name__})") from None
