"""The words between a transaction and its host: one HTTP exchange as events in and actions out."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

Direction = Literal["request", "response"]
Headers = tuple[tuple[str, str], ...]


class BodyMode(enum.IntEnum):
    """How a body reaches us; the numbers are Envoy's `BodySendMode`."""

    NONE = 0
    STREAMED = 1
    BUFFERED = 2
    BUFFERED_PARTIAL = 3
    FULL_DUPLEX = 4
    GRPC = 5


class Modes(msgspec.Struct, frozen=True):
    """How the host is set to send both bodies; None where it did not say."""

    request: BodyMode | None = None
    response: BodyMode | None = None


class HeadersEvent(msgspec.Struct, frozen=True):
    """The headers of a request or an answer, pseudo headers included, names in lower case.

    Args:
        direction: whose headers.
        headers: names and values, in order.
        end: whether there is no body.
        attributes: facts of the host about the exchange, such as `response.code_details`.
    """

    direction: Direction
    headers: Headers
    end: bool = False
    attributes: Mapping[str, str] = {}
    _first: Mapping[str, str] = {}

    def __post_init__(self) -> None:
        """Prepare for the dozen questions that an exchange asks."""
        msgspec.structs.force_setattr(self, "_first", dict(reversed(self.headers)))

    def get(self, name: str, default: str = "") -> str:
        """Return the first value of a header."""
        return self._first.get(name, default)

    @property
    def is_local(self) -> bool:
        """Whether an answer comes from the host itself: by its own word where it gives it, else by the status."""
        details = self.attributes.get("response.code_details", "")
        return details != "via_upstream" if details else self.get(":status", "200") >= "400"

    def all(self, name: str) -> list[str]:
        """Return every value of a header."""
        return [value for key, value in self.headers if key == name] if name in self._first else []

    def starting(self, prefix: str) -> tuple[str, ...]:
        """Return the names that begin like this."""
        return tuple([name for name in self._first if name.startswith(prefix)])


class BodyEvent(msgspec.Struct, frozen=True):
    """A body or a chunk of one; `end` says that neither body nor trailers follow."""

    direction: Direction
    data: bytes
    end: bool = False

    def __repr__(self) -> str:
        """Show the length; text stays out of logs and tracebacks."""
        return f"BodyEvent({self.direction!r}, length={len(self.data)}, end={self.end})"


class TrailersEvent(msgspec.Struct, frozen=True):
    """The trailers of a request or an answer."""

    direction: Direction
    headers: Headers


Event = HeadersEvent | BodyEvent | TrailersEvent


class HeaderEdits(msgspec.Struct, frozen=True):
    """Headers to set and to remove."""

    set: Headers = ()
    remove: tuple[str, ...] = ()

    def applied(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return headers, by names in lower case, as they are after the changes."""
        return {name: value for name, value in headers.items() if name not in self.remove} | dict(self.set)


NO_EDITS = HeaderEdits()
Metadata = dict[str, Any] | None


class Continue(msgspec.Struct, frozen=True):
    """Answers an event: go on with what was sent.

    Args:
        direction: of the event.
        part: what is answered.
        edits: changes to headers; to trailers where trailers are answered.
        override: body modes from here on, in answers to headers only; None leaves them.
        metadata: for the host's access log and later filters.
    """

    direction: Direction
    part: Literal["headers", "body", "trailers"]
    edits: HeaderEdits = NO_EDITS
    override: Modes | None = None
    metadata: Metadata = None


class ReplaceBody(msgspec.Struct, frozen=True):
    """Answers a body event: go on with these bytes in its place."""

    direction: Direction
    data: bytes
    edits: HeaderEdits = NO_EDITS
    metadata: Metadata = None

    def __repr__(self) -> str:
        """Show the length; text stays out of logs and tracebacks."""
        return f"ReplaceBody({self.direction!r}, length={len(self.data)})"


class SendChunk(msgspec.Struct, frozen=True):
    """Sends a chunk of our own choice, in full-duplex mode; `end` closes the body."""

    direction: Direction
    data: bytes
    end: bool = False
    metadata: Metadata = None

    def __repr__(self) -> str:
        """Show the length; text stays out of logs and tracebacks."""
        return f"SendChunk({self.direction!r}, length={len(self.data)}, end={self.end})"


class Reject(msgspec.Struct, frozen=True):
    """Ends the exchange with an answer of ours.

    Args:
        status: the HTTP status.
        code: why, from a closed set; for access logs and metrics.
        body: in the caller's API error shape.
        headers: of the answer.
        metadata: for the host's access log and later filters.
    """

    status: int
    code: str
    body: bytes = b""
    headers: Headers = ()
    metadata: Metadata = None


Action = Continue | ReplaceBody | SendChunk | Reject


class Caller(msgspec.Struct, frozen=True):
    """What the host's own configuration says about an exchange; never taken from the client's headers.

    Args:
        application: selects the policy.
        route: overrides the request path where policies match routes; empty: the path.
        modes: how bodies are sent.
        observe: whether the host ignores our answers (watch only).
        overridable: whether the host obeys `Continue.override`.
        guard_response: whether answers are inspected; a host that does not send them must say so.
        headers: what is added to the request as it goes on, such as the trace that it belongs to.
    """

    application: str = ""
    route: str = ""
    modes: Modes = Modes()
    observe: bool = False
    overridable: bool = False
    guard_response: bool = True
    headers: Headers = ()
