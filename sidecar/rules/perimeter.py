"""The perimeter file: who may call, from where, which routes and models, how much, and what it may cost."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterator
from functools import partial
from typing import Annotated, Literal

import msgspec

from sidecar.core.perimeter import Gate, Grant, Network, Perimeter, Tokens
from sidecar.core.quota import Budget, Rate
from sidecar.rules.documents import Check, read_settings

# SHA-256 is enough for keys of 128 random bits, which is what `sidecar keys new` makes; words need a slow hash.
KeyHash = Annotated[str, msgspec.Meta(pattern=r"^sha256:[0-9a-f]{64}$")]


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A struct that refuses keys it does not know."""


class Limits(Strict, frozen=True):
    """How much an application may do; what is left out is not limited.

    Args:
        requests: a rate of requests.
        tokens: a rate of tokens, estimated for requests and counted from `usage` in answers.
        bytes: a rate of body bytes.
        concurrent: requests under way at once.
        max_tokens: estimated tokens of one request.
        max_messages: messages of one request.
    """

    requests: Rate | None = None
    tokens: Rate | None = None
    bytes: Rate | None = None
    concurrent: Annotated[int, msgspec.Meta(ge=1)] | None = None
    max_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    max_messages: Annotated[int, msgspec.Meta(ge=1)] | None = None


class Budgets(Strict, frozen=True):
    """What an application may spend in a period, in tokens and in the price table's currency."""

    tokens: Budget | None = None
    money: Budget | None = None


class Application(Strict, frozen=True):
    """A caller.

    Args:
        name: as policies match it.
        keys: hashes of API keys.
        spiffe: SPIFFE ids of client certificates; `*` stands for one path segment or more at the end.
        subjects: values of the JWT claim.
        sockets: paths of Unix sockets that are this application's alone (`--listen unix:PATH?mode=660&group=NAME`).
        routes: globs of request paths.
        models: globs of model names.
        services: gRPC services it may call: `filter`, `extproc`, `rules`.
        limits: how much.
        budgets: for how much.
    """

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    keys: tuple[KeyHash, ...] = ()
    spiffe: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    sockets: tuple[str, ...] = ()
    routes: tuple[str, ...] = ("*",)
    models: tuple[str, ...] = ("*",)
    services: tuple[Literal["filter", "extproc", "rules"], ...] = ("filter", "extproc")
    limits: Limits = Limits()
    budgets: Budgets = Budgets()


class Jwt(Strict, frozen=True):
    """How JWTs are checked (RFC 7519, RFC 8725): key set, algorithms and audience are pinned.

    Args:
        jwks: file or URL of the key set (RFC 7517).
        issuer: the `iss` that tokens must have.
        audience: the `aud` that tokens must have.
        algorithms: those that are accepted; symmetric ones and `none` are not.
        claim: names the application's subject.
        refresh: seconds after which a key set from a URL is read anew.
    """

    jwks: str
    issuer: str
    audience: str
    algorithms: tuple[Literal["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"], ...] = ("RS256", "ES256")
    claim: str = "sub"
    refresh: Annotated[float, msgspec.Meta(ge=10)] = 300.0


class Networks(Strict, frozen=True):
    """Where callers may come from.

    Args:
        allow: CIDR blocks; empty: everywhere.
        deny: CIDR blocks that are refused though allowed.
        trusted_proxies: CIDR blocks whose `x-forwarded-for` is believed.
    """

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()


class Price(Strict, frozen=True):
    """What a million tokens cost.

    Args:
        model: glob of model names; the first that matches counts.
        input: for a million prompt tokens.
        output: for a million completion tokens.
    """

    model: str
    input: Annotated[float, msgspec.Meta(ge=0)]
    output: Annotated[float, msgspec.Meta(ge=0)]


class PerimeterDocument(Strict, frozen=True):
    """The perimeter file.

    Args:
        anonymous: the application of callers who show nothing; empty: they are refused.
        key_header: the HTTP header, and gRPC metadata key, that holds an API key.
        when_redis_down: where quotas are kept in Redis (`SIDECAR_QUOTA_REDIS`) and it is away: `local`: each process goes
            on with meters of its own; `deny`: requests are refused with 503.
    """

    schema: Literal[1]
    anonymous: str = ""
    key_header: str = "x-portcullis-key"
    when_redis_down: Literal["local", "deny"] = "local"
    networks: Networks = Networks()
    jwt: Jwt | None = None
    applications: tuple[Application, ...] = ()
    prices: tuple[Price, ...] = ()


def read_perimeter(data: bytes, source: str) -> PerimeterDocument:
    """Read a perimeter file.

    Args:
        data: its content.
        source: its name, for error messages.

    Raises:
        ConfigError: says file, line and key of each fault.
    """
    return read_settings(data, source, PerimeterDocument, _checks)


def hash_key(key: str) -> str:
    """Return an API key as the perimeter file holds it."""
    return f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"


def _checks(document: PerimeterDocument) -> Iterator[Check]:
    """Yield what the types cannot say: networks must parse, names and credentials must belong to one application."""
    for field in ("allow", "deny", "trusted_proxies"):
        for index, block in enumerate(getattr(document.networks, field)):
            yield ("networks", field, index), partial(ipaddress.ip_network, block)
    names = {application.name for application in document.applications}
    if document.anonymous:
        yield ("anonymous",), partial(_require, document.anonymous in names, "names no application of this file")
    owners: dict[tuple[str, object], str] = {}
    for index, application in enumerate(document.applications):
        for field in ("name", "keys", "spiffe", "subjects", "sockets"):
            given = getattr(application, field)
            for value in (given,) if field == "name" else given:
                first = owners.setdefault((field, value), f"{index}")
                fault = f"`{field}` belongs to another application already"
                yield ("applications", index, field), partial(_require, first == f"{index}", fault)
        if application.subjects:
            yield ("applications", index, "subjects"), partial(_require, document.jwt is not None, "needs `jwt`")


def _require(holds: bool, fault: str) -> None:
    if not holds:
        raise ValueError(fault)


def compile_perimeter(document: PerimeterDocument, tokens: Tokens | None) -> Perimeter:
    """Compile a perimeter file for use.

    Args:
        document: the file.
        tokens: checks JWTs, where the file asks for them.
    """

    def blocks(texts: tuple[str, ...]) -> tuple[Network, ...]:
        return tuple(ipaddress.ip_network(text) for text in texts)

    networks, applications = document.networks, document.applications
    return Perimeter(
        gate=Gate(blocks(networks.allow), blocks(networks.deny), blocks(networks.trusted_proxies)),
        grants=[Grant(item.name, item.routes, item.models, frozenset(item.services)) for item in applications],
        hash_key=hash_key,
        keys={key: item.name for item in applications for key in item.keys},
        identities={name: item.name for item in applications for name in item.spiffe},
        subjects={subject: item.name for item in applications for subject in item.subjects},
        sockets={path: item.name for item in applications for path in item.sockets},
        tokens=tokens,
        anonymous=document.anonymous,
    )
