"""The seam between services and hosts: a service is written once, a host carries its bytes.

A service lists its `Method` values. A host (`sidecar.hosts.grpcio`, `sidecar.hosts.envoy`) parses each request
message, calls the handler with it and a `Call`, and puts what the handler answers on the wire. Every host promises:

- a call ends with OK only when its handler returned (unary) or its iterator ended (streams) without an exception;
- `RpcError` ends the call with its own code, message and details;
- any other exception ends it with INTERNAL and an opaque id, and its text never leaves the process;
- a call that is cancelled (client gone, deadline passed) raises `asyncio.CancelledError` inside its handler, or closes
  its iterator where that waits for an answer to be taken;
- a `bytes` answer is a message that is serialised already: clean answers are prepared once and sent as they are.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Any, Protocol, TypeAlias

from google.protobuf.message import Message

Metadata: TypeAlias = Mapping[str, str | bytes]
"""Metadata by lower-case name; `-bin` names hold bytes, repeated names are joined with commas (gRPC over HTTP/2)."""

Answer: TypeAlias = Message | bytes
"""One response message, or the same already serialised."""

Handler: TypeAlias = (
    Callable[[Any, "Call"], Answer | Awaitable[Answer]] | Callable[[Any, "Call"], AsyncIterator[Answer]]
)
"""A unary handler may answer at once (no await: the fast path) or return an awaitable; a stream handler is an async
iterator, and gets the request messages as one where the client streams."""


class Status(IntEnum):
    """The status codes of gRPC, by their number on the wire."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


class RpcError(Exception):
    """Ends the call with a status; raise it, never return it.

    Args:
        code: any status but OK.
        message: one line for the caller; it must hold no text of a prompt and no matched value.
        details: messages for `google.rpc.Status.details`, for clients that read rich errors.

    Raises:
        ValueError: if `code` is OK, because an error that ends with OK lets Envoy go on without us.
    """

    def __init__(self, code: Status, message: str, *, details: tuple[Message, ...] = ()) -> None:
        if code == Status.OK:
            raise ValueError("an RpcError needs a status other than OK")
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details


class Shape(Enum):
    """Who streams: the four kinds of gRPC method, as (client streams, server streams)."""

    UNARY = (False, False)
    SERVER_STREAM = (False, True)
    CLIENT_STREAM = (True, False)
    BIDI = (True, True)

    @property
    def client_streams(self) -> bool:
        """Whether the handler gets an iterator of requests."""
        return self.value[0]

    @property
    def server_streams(self) -> bool:
        """Whether the handler is an iterator of answers."""
        return self.value[1]


class Call(Protocol):
    """What a handler may ask of the call it serves."""

    @property
    def metadata(self) -> Metadata:
        """What the client sent, without the headers that belong to HTTP/2 and gRPC themselves."""

    @property
    def peer(self) -> str:
        """The other end as grpcio writes it: `ipv4:1.2.3.4:567`, `ipv6:[::1]:567` or `unix:`."""

    @property
    def socket(self) -> str:
        """The path of the Unix socket that the call came through; empty on TCP, and where the host cannot tell."""

    @property
    def peer_identities(self) -> tuple[str, ...]:
        """The names a verified client certificate carries (URI and DNS); empty without mutual TLS."""

    def time_remaining(self) -> float | None:
        """Seconds left until the client's deadline, never negative; None without a deadline."""

    def set_initial_metadata(self, metadata: Metadata) -> None:
        """Add headers to the answer; without effect once the first message is out."""

    def set_trailing_metadata(self, metadata: Metadata) -> None:
        """Add trailers to the answer, also to one that ends in an error."""


@dataclass(frozen=True, slots=True)
class Method:
    """One gRPC method: where it is, what it carries, who answers.

    Args:
        path: `/package.Service/Method` as it is on the wire.
        shape: who streams.
        request_type: the message class a request is parsed into; None hands the handler the raw bytes.
        response_type: the message class of the answers, for reflection; None for raw bytes.
        handler: see `Handler`.
        is_exempt: not refused when the worker is full: it has a limit of its own, or says that the worker is full.
        is_background: not waited for when the worker drains: it watches, and ends only when its client does.
    """

    path: str
    shape: Shape
    request_type: type[Message] | None
    response_type: type[Message] | None
    handler: Handler
    is_exempt: bool = False
    is_background: bool = False

    @property
    def service(self) -> str:
        """The full name of the service, without the method."""
        return self.path[1:].rpartition("/")[0]

    def parse(self, data: bytes) -> Any:
        """Parse one request message.

        Raises:
            RpcError: INVALID_ARGUMENT-like INTERNAL status if the bytes are no such message.
        """
        if self.request_type is None:
            return data
        try:
            return self.request_type.FromString(data)
        except Exception as error:
            raise RpcError(Status.INTERNAL, "request message cannot be parsed") from error


def serialise(answer: Answer) -> bytes:
    """Serialise one answer, or hand it back if it is serialised already."""
    return answer if type(answer) is bytes else answer.SerializeToString()  # type: ignore[union-attr]
