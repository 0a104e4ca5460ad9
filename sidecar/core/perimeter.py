"""The perimeter: who calls, whether that is allowed, and whether there is room; one answer for each request."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Protocol

import msgspec

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Credentials(msgspec.Struct, frozen=True):
    """What a caller shows.

    Args:
        key: an API key.
        token: a JWT.
        identities: names in a verified client certificate.
        socket: the Unix socket that the call came through; who may write to it is its file's business.
        address: where the connection comes from; empty where there is none, as on a Unix socket.
        forwarded: the header `x-forwarded-for`.
    """

    key: str = ""
    token: str = ""
    identities: tuple[str, ...] = ()
    socket: str = ""
    address: str = ""
    forwarded: str = ""

    def __repr__(self) -> str:
        """Show what kind of credentials there are, never the credentials."""
        return f"Credentials(key={bool(self.key)}, token={bool(self.token)}, identities={self.identities!r})"


class Refusal(msgspec.Struct, frozen=True):
    """Why a request is refused at the perimeter.

    Args:
        status: the HTTP status: 401, 403, 413 or 429.
        code: a stable word for programs.
        message: a sentence for people.
        retry_after: seconds after which it may be tried again; 0 where waiting does not help.
    """

    status: int
    code: str
    message: str
    retry_after: float = 0.0


class Grant(msgspec.Struct, frozen=True):
    """What one application may do, compiled.

    Args:
        application: its name.
        routes: globs of request paths.
        models: globs of model names.
        services: gRPC services.
    """

    application: str
    routes: tuple[str, ...] = ("*",)
    models: tuple[str, ...] = ("*",)
    services: frozenset[str] = frozenset({"filter", "extproc"})


class Tokens(Protocol):
    """Checks JWTs."""

    def subject(self, token: str) -> str | None:
        """Return the subject of a good token; None where it is not good."""
        ...


class Gate(msgspec.Struct, frozen=True):
    """Where callers may come from.

    Args:
        allow: blocks; empty: everywhere.
        deny: blocks that are refused though allowed.
        trusted_proxies: blocks whose `x-forwarded-for` is believed.
    """

    allow: tuple[Network, ...] = ()
    deny: tuple[Network, ...] = ()
    trusted_proxies: tuple[Network, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether nobody is refused by address."""
        return not self.allow and not self.deny

    def admits(self, credentials: Credentials) -> bool:
        """Tell whether a caller may come from where it does; a caller without an address is on this machine."""
        if self.is_open or not credentials.address:
            return True
        client = self.client(credentials)
        if client is None or any(client in block for block in self.deny):
            return False
        return not self.allow or any(client in block for block in self.allow)

    def client(self, credentials: Credentials) -> Address | None:
        """Return the client's address: from the right of `x-forwarded-for`, the first that is no trusted proxy.

        What stands to the left of it was written by the client itself, so it is worth nothing.
        """
        current = parse_address(credentials.address)
        for hop in reversed([part.strip() for part in credentials.forwarded.split(",") if part.strip()]):
            if current is None or not any(current in block for block in self.trusted_proxies):
                return current
            current = parse_address(hop)
        return current


class Perimeter:
    """Authenticates and authorises callers.

    Args:
        gate: where they may come from.
        grants: what each application may do.
        hash_key: hashes an API key as `keys` holds it.
        keys: hash of an API key to application.
        identities: name in a client certificate, or a prefix that ends with `*`, to application.
        subjects: subject of a JWT to application.
        sockets: path of a Unix socket to application.
        tokens: checks JWTs; None: no JWT is accepted.
        anonymous: application of callers who show nothing; empty: they are refused.
    """

    def __init__(
        self,
        *,
        gate: Gate,
        grants: Iterable[Grant],
        hash_key: Callable[[str], str],
        keys: Mapping[str, str],
        identities: Mapping[str, str],
        subjects: Mapping[str, str],
        sockets: Mapping[str, str],
        tokens: Tokens | None,
        anonymous: str,
    ) -> None:
        self._gate = gate
        self._grants = {grant.application: grant for grant in grants}
        self._hash_key = hash_key
        self._keys = keys
        self._identities = identities
        self._subjects = subjects
        self._sockets = sockets
        self._tokens = tokens
        self._anonymous = anonymous

    def admit(self, credentials: Credentials, *, service: str, route: str = "", model: str = "") -> Grant | Refusal:
        """Say who calls and whether that is allowed.

        Args:
            credentials: what the caller shows; what it shows must be good, even where less would do.
            service: `filter`, `extproc` or `rules`.
            route: the request path; empty where there is none.
            model: the model's name; empty where it is not known yet.
        """
        if not self._gate.admits(credentials):
            return Refusal(403, "address_not_allowed", "This address may not call.")
        application = self._authenticate(credentials)
        if not application:
            return Refusal(
                401, "not_authenticated", "Show an API key, a token or a client certificate that is known here."
            )
        grant = self._grants[application]
        if service not in grant.services:
            return Refusal(403, "service_not_allowed", "This application may not call this service.")
        if route and not _any_glob(route, grant.routes):
            return Refusal(403, "route_not_allowed", "This application may not call this route.")
        return self.allow_model(grant, model) or grant

    def allow_model(self, grant: Grant, model: str) -> Refusal | None:
        """Say whether an application may use a model; None where it may."""
        if model and not _any_glob(model, grant.models):
            return Refusal(403, "model_not_allowed", "This application may not use this model.")
        return None

    def _authenticate(self, credentials: Credentials) -> str:
        shown = [
            self._keys.get(self._hash_key(credentials.key), "") if credentials.key else None,
            self._by_token(credentials.token) if credentials.token else None,
            self._by_identity(credentials.identities) if credentials.identities else None,
            # A socket that belongs to nobody in particular says nothing of who calls.
            self._sockets.get(credentials.socket),
        ]
        named = [application for application in shown if application is not None]
        if not named:
            return self._anonymous
        # Two credentials of two applications, or one that is not good: the caller is not who it says.
        return named[0] if len(set(named)) == 1 else ""

    def _by_token(self, token: str) -> str:
        subject = self._tokens.subject(token) if self._tokens else None
        return self._subjects.get(subject, "") if subject is not None else ""

    def _by_identity(self, identities: Sequence[str]) -> str:
        for identity in identities:
            if identity in self._identities:
                return self._identities[identity]
            for pattern, application in self._identities.items():
                if pattern.endswith("/*") and identity.startswith(pattern[:-1]):
                    return application
        return ""


@lru_cache(maxsize=4096)
def parse_address(text: str) -> Address | None:
    """Read an address as gRPC, Envoy and proxies write it, a port included; None where it is none."""
    bare = text.removeprefix("ipv4:").removeprefix("ipv6:").replace("%5B", "[").replace("%5D", "]").strip('"')
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return None
    # ::ffff:10.0.0.1 is 10.0.0.1, and must not slip past a list of IPv4 blocks.
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _any_glob(text: str, globs: Iterable[str]) -> bool:
    return any(glob == "*" or fnmatchcase(text, glob) for glob in globs)
