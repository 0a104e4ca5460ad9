"""The upstreams file: where requests may go, which models go where, and what is done when an upstream is not well."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec

from sidecar.core.balance import Breaker, Outliers
from sidecar.core.retries import Retries
from sidecar.core.upstreams import Directory, Location, Residency, Route, Target, Upstream, alone
from sidecar.errors import ConfigError
from sidecar.rules.documents import Check, Place, read_settings

Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=86_400)]
# The name under which the upstream of `--upstream URL` is counted.
ONLY = "upstream"


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A struct that refuses keys it does not know."""


class UpstreamSettings(Strict, frozen=True):
    """One upstream; see `Upstream`.

    Args:
        url: such as `http://127.0.0.1:4000`; a `/v1` at its end is dropped, as paths begin with it.
        ca: file of the certificate authorities that vouch for it, in PEM; the system's where left out.
    """

    name: Name
    url: str
    region: Annotated[str, msgspec.Meta(max_length=63)] = ""
    concurrent: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1000
    http2: bool = False
    ca: str = ""


class TargetSettings(Strict, frozen=True):
    """An upstream's part in a route; see `Target`."""

    upstream: str
    weight: Annotated[int, msgspec.Meta(ge=1, le=128)] = 1
    priority: Annotated[int, msgspec.Meta(ge=0, le=15)] = 0


class RouteSettings(Strict, frozen=True):
    """Which requests go where; see `Route`."""

    name: Name
    to: Annotated[tuple[TargetSettings, ...], msgspec.Meta(min_length=1)]
    models: tuple[str, ...] = ()
    applications: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    headers: dict[str, str] = {}


class ResidencySettings(Strict, frozen=True):
    """Requests that must not leave some regions; see `Residency`."""

    regions: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    applications: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()


class HealthChecks(Strict, frozen=True):
    """Active health checks: each worker, or Envoy, asks each upstream for a path.

    Args:
        path: after the upstream's prefix.
        interval: seconds between two checks.
        timeout: seconds for one.
        unhealthy_after: bad checks in a row after which an upstream gets no requests.
        healthy_after: good checks in a row after which it gets them again.
        statuses: of good answers.
    """

    path: Annotated[str, msgspec.Meta(pattern=r"^/[!-~]*$")]
    interval: Seconds = 5.0
    timeout: Seconds = 1.0
    unhealthy_after: Annotated[int, msgspec.Meta(ge=1)] = 2
    healthy_after: Annotated[int, msgspec.Meta(ge=1)] = 2
    statuses: tuple[Annotated[int, msgspec.Meta(ge=100, le=599)], ...] = (200, 204)


class Timeouts(Strict, frozen=True):
    """How long an upstream may take, in seconds.

    Args:
        connect: until the connection stands, TLS included.
        answer: until the answer's headers.
        idle: between two pieces of the answer.
        margin: taken off a caller's deadline, so that the caller hears from us and not from its own clock.
        fair: a caller's deadline that leaves less than this tells nothing about an upstream.
    """

    connect: Seconds = 5.0
    answer: Seconds = 300.0
    idle: Seconds = 120.0
    margin: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.02
    fair: Annotated[float, msgspec.Meta(ge=0, le=60)] = 0.25


class Hedging(Strict, frozen=True):
    """Asks a second upstream where the first one is slow; costs a second answer, so it is off unless given.

    Args:
        after: seconds without the answer's headers.
    """

    after: Seconds


class UpstreamsDocument(Strict, frozen=True):
    """The upstreams file."""

    schema: Literal[1]
    upstreams: Annotated[tuple[UpstreamSettings, ...], msgspec.Meta(min_length=1)]
    routes: tuple[RouteSettings, ...] = ()
    residency: tuple[ResidencySettings, ...] = ()
    health: HealthChecks | None = None
    outliers: Outliers = Outliers()
    breaker: Breaker = Breaker()
    retries: Retries = Retries()
    hedge: Hedging | None = None
    timeouts: Timeouts = Timeouts()


class Forwarding(msgspec.Struct, frozen=True):
    """An upstreams file, compiled: the directory, and the settings that hold for every upstream."""

    directory: Directory
    health: HealthChecks | None = None
    outliers: Outliers = Outliers()
    breaker: Breaker = Breaker()
    retries: Retries = Retries()
    hedge: Hedging | None = None
    timeouts: Timeouts = Timeouts()


def parse_url(url: str) -> Location:
    """Read the base URL of an upstream.

    Raises:
        ValueError: it is no http or https URL with a host, or has a query or a user's name.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ValueError("give a URL such as http://127.0.0.1:4000 or https://llm.example.com")
    # Base URLs of OpenAI clients end in /v1, and so do the paths that they request.
    prefix = parts.path.rstrip("/").removesuffix("/v1")
    tls = parts.scheme == "https"
    return Location(parts.hostname, parts.port or (443 if tls else 80), tls, prefix)


def single(url: str) -> Forwarding:
    """Return what `--upstream URL` stands for: one upstream that takes everything.

    Raises:
        ConfigError: the URL cannot be used.
    """
    try:
        location = parse_url(url)
    except ValueError as error:
        raise ConfigError(f"--upstream: {error}") from None
    return Forwarding(alone(Upstream(ONLY, location)))


def read_upstreams(data: bytes, source: str) -> Forwarding:
    """Read an upstreams file.

    Args:
        data: its content.
        source: its name, for error messages.

    Raises:
        ConfigError: says file, line and key of each fault.
    """
    return compile_upstreams(read_settings(data, source, UpstreamsDocument, _named))


def _named(document: UpstreamsDocument) -> Iterator[Check]:
    """Yield the checks; their faults begin with the key."""
    for place, check in _checks(document):
        yield place, partial(_with_key, place[-1], check)


def _with_key(key: str | int, check: Callable[[], object]) -> None:
    try:
        check()
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from None


def _checks(document: UpstreamsDocument) -> Iterator[Check]:
    """Yield what the types cannot say: names must be distinct and known, URLs must parse, shares must be shares."""
    names = [item.name for item in document.upstreams]
    regions = {item.region for item in document.upstreams} - {""}
    for index, upstream in enumerate(document.upstreams):
        yield ("upstreams", index, "url"), partial(parse_url, upstream.url)
        yield ("upstreams", index, "name"), partial(_require, names.index(upstream.name) == index, "is given twice")
        fits = not upstream.ca or upstream.url.startswith("https:")
        yield ("upstreams", index, "ca"), partial(_require, fits, "needs an https URL")
    routes = [item.name for item in document.routes]
    for index, route in enumerate(document.routes):
        yield ("routes", index, "name"), partial(_require, routes.index(route.name) == index, "is given twice")
        lower = all(name == name.lower() for name in route.headers)
        yield ("routes", index, "headers"), partial(_require, lower, "names are written in lower case")
        targets = [target.upstream for target in route.to]
        for place, target in enumerate(targets):
            at = ("routes", index, "to", place, "upstream")
            yield at, partial(_require, target in names, f"no upstream is called `{target}`")
            yield at, partial(_require, targets.index(target) == place, "is given twice in this route")
    for index, rule in enumerate(document.residency):
        for place, region in enumerate(rule.regions):
            yield (
                ("residency", index, "regions", place),
                partial(_require, region in regions, f"no upstream is in region `{region}`"),
            )
    yield from _shares(document)


def _shares(document: UpstreamsDocument) -> Iterator[Check]:
    outliers, breaker, retries = document.outliers, document.breaker, document.retries
    rules: tuple[tuple[Place, bool, str], ...] = (
        (("outliers", "success_rate"), 0 <= outliers.success_rate <= 1, "is a share, 0 to 1"),
        (("outliers", "max_share"), 0 <= outliers.max_share <= 1, "is a share, 0 to 1"),
        (("outliers", "consecutive"), outliers.consecutive >= 1, "must be 1 or more"),
        (("outliers", "seconds"), outliers.seconds > 0, "must be more than 0"),
        (("outliers", "window"), outliers.window > 0, "must be more than 0"),
        (("breaker", "failures"), breaker.failures >= 1, "must be 1 or more"),
        (("breaker", "seconds"), breaker.seconds > 0, "must be more than 0"),
        (("retries", "attempts"), 1 <= retries.attempts <= 10, "must be 1 to 10"),
        (("retries", "budget"), 0 <= retries.budget <= 1, "is a share, 0 to 1"),
        # Other statuses may stand for a request that was processed, and paid for.
        (("retries", "statuses"), set(retries.statuses) <= {429, 503}, "only 429 and 503 say that nothing was done"),
    )
    for place, holds, fault in rules:
        yield place, partial(_require, holds, fault)


def _require(holds: bool, fault: str) -> None:
    if not holds:
        raise ValueError(fault)


def compile_upstreams(document: UpstreamsDocument) -> Forwarding:
    """Compile an upstreams file for use; without routes, everything goes to all upstreams alike."""
    upstreams = tuple(
        Upstream(item.name, parse_url(item.url), item.region, item.concurrent, item.http2, item.ca)
        for item in document.upstreams
    )
    routes = tuple(
        Route(
            item.name,
            tuple(Target(target.upstream, target.weight, target.priority) for target in item.to),
            item.models,
            item.applications,
            item.paths,
            item.headers,
        )
        for item in document.routes
    ) or (Route("default", tuple(Target(upstream.name) for upstream in upstreams)),)
    residency = tuple(Residency(item.regions, item.applications, item.paths) for item in document.residency)
    return Forwarding(
        Directory(upstreams, routes, residency),
        health=document.health,
        outliers=document.outliers,
        breaker=document.breaker,
        retries=document.retries,
        hedge=document.hedge,
        timeouts=document.timeouts,
    )
