"""Where requests may go: upstreams, the pools that serve a model, and who must stay in which region; values only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

import msgspec

# `x-sidecar-` headers of clients never pass, so that nobody but us says it to Envoy.
POOL_HEADER = "x-sidecar-upstream"


class Location(msgspec.Struct, frozen=True):
    """The base URL of an upstream, in parts.

    Args:
        host: a name or an address.
        port: of the host.
        tls: whether the connection is encrypted.
        prefix: stands before every path; without a `/` at its end.
    """

    host: str
    port: int
    tls: bool = False
    prefix: str = ""

    @property
    def authority(self) -> str:
        """Host and port as HTTP writes them: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The base URL, without a `/` at its end."""
        return f"{'https' if self.tls else 'http'}://{self.authority}{self.prefix}"


class Upstream(msgspec.Struct, frozen=True):
    """One upstream gateway.

    Args:
        name: how routes, metrics and messages call it.
        location: where it is.
        region: where its data stays, for residency; empty: nobody said.
        concurrent: requests under way at once, by each worker.
        http2: whether HTTP/2 is spoken without TLS, by prior knowledge; over TLS both sides agree on it anyway.
        authorities: file of the certificate authorities that vouch for it; empty: the system's.
    """

    name: str
    location: Location
    region: str = ""
    concurrent: int = 1000
    http2: bool = False
    authorities: str = ""


class Target(msgspec.Struct, frozen=True):
    """An upstream's part in a pool.

    Args:
        upstream: its name.
        weight: its share among those of the same priority.
        priority: 0 is asked first; the next one only where nobody of the one before can take the request.
    """

    upstream: str
    weight: int = 1
    priority: int = 0


class Pool(msgspec.Struct, frozen=True):
    """The upstreams among which one request is balanced.

    Args:
        name: of the route, with the regions that it is confined to.
        targets: by priority; none, where no upstream of the route is in an allowed region.
        regions: the request must stay in; empty: anywhere.
    """

    name: str
    targets: tuple[Target, ...]
    regions: tuple[str, ...] = ()


class Asking(msgspec.Struct, frozen=True):
    """What a request's way depends on.

    Args:
        application: the authenticated one, where callers are authenticated.
        path: of the request, without the query.
        model: that it asks for; empty where it names none.
        headers: by name in lower case.
    """

    application: str = ""
    path: str = ""
    model: str = ""
    headers: Mapping[str, str] = {}


class Route(msgspec.Struct, frozen=True):
    """Which requests go to which targets; all that is given must match, the first route that matches counts.

    Args:
        name: of the route.
        targets: where its requests go.
        models: globs over the model's name.
        applications: globs over the application's name.
        paths: globs over the request path.
        headers: a glob over the value of each header that is named.
    """

    name: str
    targets: tuple[Target, ...]
    models: tuple[str, ...] = ()
    applications: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    headers: Mapping[str, str] = {}

    def takes(self, asking: Asking) -> bool:
        """Tell whether a request goes this way."""
        return (
            matches(asking.model, self.models)
            and matches(asking.application, self.applications)
            and matches(asking.path, self.paths)
            and all(fnmatchcase(asking.headers.get(name, ""), glob) for name, glob in self.headers.items())
        )


class Residency(msgspec.Struct, frozen=True):
    """Requests that must not leave some regions; the first rule that matches counts.

    Args:
        regions: upstreams of these alone may be asked; an upstream without a region is in none.
        applications: globs over the application's name; empty: all.
        paths: globs over the request path; empty: all.
    """

    regions: tuple[str, ...]
    applications: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()

    def holds_for(self, asking: Asking) -> bool:
        """Tell whether a request is bound by this rule."""
        return matches(asking.application, self.applications) and matches(asking.path, self.paths)


class Directory:
    """Knows every upstream and every pool; finds the pool of a request.

    Args:
        upstreams: all of them.
        routes: in order.
        residency: rules in order.
    """

    def __init__(
        self, upstreams: Iterable[Upstream], routes: Iterable[Route], residency: Iterable[Residency] = ()
    ) -> None:
        self.upstreams = {upstream.name: upstream for upstream in upstreams}
        self.routes = tuple(routes)
        self._residency = tuple(residency)
        self._pools = {
            (route.name, regions): self._pool(route, regions)
            for route in self.routes
            for regions in ((), *(rule.regions for rule in self._residency))
        }

    @property
    def pools(self) -> tuple[Pool, ...]:
        """Every pool that a request may be sent to; a closed set, known at load."""
        return tuple(dict.fromkeys(self._pools.values()))

    @property
    def is_simple(self) -> bool:
        """Whether everything goes one way, so that nobody has to choose."""
        first = self.routes[0]
        return len(self._pools) == 1 and not (first.models or first.applications or first.paths or first.headers)

    def find(self, asking: Asking) -> Pool | None:
        """Return the pool of a request; None where no route takes it."""
        route = next((route for route in self.routes if route.takes(asking)), None)
        if route is None:
            return None
        bound = next((rule.regions for rule in self._residency if rule.holds_for(asking)), ())
        return self._pools[route.name, bound]

    def _pool(self, route: Route, regions: tuple[str, ...]) -> Pool:
        if not regions:
            return Pool(route.name, route.targets)
        allowed = tuple(item for item in route.targets if self.upstreams[item.upstream].region in regions)
        return Pool(f"{route.name}@{'+'.join(sorted(regions))}", allowed, regions)


def matches(text: str, globs: Iterable[str]) -> bool:
    """Tell whether a text matches one of some globs; no globs match everything."""
    wanted = tuple(globs)
    return not wanted or any(glob == "*" or fnmatchcase(text, glob) for glob in wanted)


def alone(upstream: Upstream) -> Directory:
    """Return the directory of a single upstream, which takes everything."""
    return Directory((upstream,), (Route("default", (Target(upstream.name),)),))


class Outbound(msgspec.Struct, frozen=True):
    """A request as it leaves.

    Args:
        method: the HTTP method.
        path: path and query.
        headers: by name in lower case.
        body: whole.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        """Show the length; text stays out of logs and tracebacks."""
        return f"Outbound({self.method!r}, length={len(self.body)})"


# What a URL parser would read in another way than we did: as another host, another path, or not at all.
_UNSAFE_PATH = re.compile(r"[^!-~]|[\\#]|\A(?!/)|/(?:\.|%2e){1,2}(?=[/?]|\Z)", re.IGNORECASE)


def is_safe_path(path: str) -> bool:
    """Tell whether a request path means the same to everybody: ASCII, from the root, without dot segments."""
    return not _UNSAFE_PATH.search(path)
