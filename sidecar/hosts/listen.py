"""Where a server listens and what it lets in: addresses, TLS and limits, the same for every host."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import parse_qsl

import msgspec

from sidecar.errors import ConfigError


class TcpAddress(msgspec.Struct, frozen=True, tag="tcp"):
    """A TCP address; port 0 lets the supervisor choose one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class UnixAddress(msgspec.Struct, frozen=True, tag="unix"):
    """A Unix socket; its file mode, and the group that it is given to, are the access control.

    Args:
        path: of the socket.
        mode: of its file; 0: that of `Listen`.
        group: that it is given to, by name; empty: the one of this process.
    """

    path: Path
    mode: int = 0
    group: str = ""

    def __str__(self) -> str:
        return f"unix:{self.path}"


Address = TcpAddress | UnixAddress


def parse_address(text: str) -> Address:
    """Read `host:port`, `[v6]:port`, `:port` (loopback) or `unix:/path`, which may end in `?mode=660&group=NAME`.

    Raises:
        ConfigError: if it is none of these.
    """
    if text.startswith("unix:"):
        return _parse_unix(text)
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ConfigError(f"listen: {text!r} is neither host:port nor unix:/path")
    return TcpAddress(host.removeprefix("[").removesuffix("]") or "127.0.0.1", int(port))


def _parse_unix(text: str) -> UnixAddress:
    path, _, query = text.removeprefix("unix:").removeprefix("//").partition("?")
    if not path.startswith("/"):
        raise ConfigError(f"listen: {text!r} needs an absolute path")
    given = dict(parse_qsl(query, keep_blank_values=True))
    mode = given.pop("mode", "")
    group = given.pop("group", "")
    if given or (mode and not re.fullmatch("0?[0-7]{3}", mode)):
        raise ConfigError(f"listen: {text!r}: a Unix socket takes `mode`, three octal digits, and `group`")
    return UnixAddress(Path(path), int(mode, 8) if mode else 0, group)


class Tls(msgspec.Struct, frozen=True):
    """A server certificate; with `client_ca` only clients with a certificate of that authority get in (mTLS)."""

    certificate: Path
    key: Path
    client_ca: Path | None = None


class Limits(msgspec.Struct, frozen=True):
    """What one worker lets in. Every number bounds memory or time that a client could otherwise take."""

    # Above Envoy's 1 MiB default body buffer with room for a whole long context; grpcio's default of 4 MiB turns
    # larger bodies into errors before we can answer (facts.md). Body limits of the policy are lower and ours to answer.
    max_message_bytes: int = 16 << 20
    # An ext_proc stream stays open while the upstream thinks, so this counts waiting streams, not running code.
    max_concurrent_calls: int = 4096
    # Per connection; Envoy opens one connection per worker thread and puts every stream on it.
    max_streams_per_connection: int = 1024
    # Headers without a message after that long are an attack or a bug (reliability.md 3, "slowloris").
    first_message_seconds: float = 5.0
    # Idle streams: an upstream may take minutes to answer (field.md 6.17); the ext_proc client resets when it is done.
    stream_idle_seconds: float = 3600.0
    # Bytes of metadata; grpcio's own default is 8 KiB, Envoy's 60 KiB.
    max_metadata_bytes: int = 60 << 10
    # Half of the usual 1,024 file descriptors of a process.
    max_connections: int = 512

    # Keepalive that a client may use on a loopback (reliability.md 5): grpcio's default of one ping in 5 minutes
    # answers health-checking clients with GOAWAY too_many_pings.
    min_ping_interval_seconds: float = 10.0


class Listen(msgspec.Struct, frozen=True):
    """Everything a host needs to open its sockets."""

    addresses: tuple[Address, ...]
    tls: Tls | None = None
    limits: Limits = Limits()
    # Mode of Unix sockets: the owner alone, unless the deployment shares a group with the data plane.
    unix_mode: int = 0o600
    # Whether several workers bind the same TCP port.
    is_shared: bool = False
    # Encoding of answers for clients that accept it; on a loopback compression only costs.
    compression: str | None = None


# A message holds a body and what surrounds it.
_MESSAGE_ROOM = 1 << 20


def limits_for(body_limit: int) -> Limits:
    """Return limits under which every body that the policy allows reaches the policy.

    A message that is too long for the host ends its stream with an error, which a careless Envoy takes for leave to go on.

    Args:
        body_limit: bytes of a body, as the policy has it.
    """
    return Limits(max_message_bytes=max(Limits().max_message_bytes, body_limit + _MESSAGE_ROOM))
