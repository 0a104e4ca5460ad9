"""Host `grpcio`: carries services on grpc.aio in this process. It runs everywhere and is the reference for `envoy`."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any

import grpc

from sidecar.adapters.rpc import Answer, Metadata, Method, RpcError, Status, serialise
from sidecar.errors import ConfigError
from sidecar.hosts import wire
from sidecar.hosts.failure import internal_error
from sidecar.hosts.gate import Gate
from sidecar.hosts.listen import Address, Listen, Tls, UnixAddress
from sidecar.hosts.silence import Silence

_CODES = {Status(code.value[0]): code for code in grpc.StatusCode}


class AioCall:
    """One call on grpc.aio; see `sidecar.adapters.rpc.Call`."""

    __slots__ = ("_context", "_initial", "_metadata", "_trailing", "socket")

    def __init__(self, context: grpc.aio.ServicerContext[Any, Any], socket: str = "") -> None:
        self._context = context
        self.socket = socket
        self._metadata: Metadata | None = None
        self._initial: Metadata = {}
        self._trailing: Metadata = {}

    @property
    def metadata(self) -> Metadata:
        """What the client sent, decoded on first use."""
        if self._metadata is None:
            self._metadata = wire.join_metadata(self._context.invocation_metadata() or ())
        return self._metadata

    @property
    def peer(self) -> str:
        """The other end."""
        return str(self._context.peer())

    @property
    def peer_identities(self) -> tuple[str, ...]:
        """The names in the client certificate that grpcio verified."""
        names = self._context.auth_context().get("x509_subject_alternative_name", ())
        return tuple(name.decode("utf-8", "replace") for name in names)

    def time_remaining(self) -> float | None:
        """Seconds left until the client's deadline."""
        left = self._context.time_remaining()
        return None if left is None else max(0.0, left)

    def set_initial_metadata(self, metadata: Metadata) -> None:
        """Add headers to the answer."""
        wire.encode_metadata(metadata)
        self._initial = {**self._initial, **metadata}

    def set_trailing_metadata(self, metadata: Metadata) -> None:
        """Add trailers to the answer."""
        wire.encode_metadata(metadata)
        self._trailing = {**self._trailing, **metadata}
        self._context.set_trailing_metadata(tuple(self._trailing.items()))

    async def start(self) -> None:
        """Send the initial metadata, if there is any."""
        if self._initial:
            await self._context.send_initial_metadata(tuple(self._initial.items()))
            self._initial = {}

    async def end(self, error: RpcError) -> None:
        """End the call with a status; never returns."""
        await self.start()
        trailing: tuple[tuple[str, str | bytes], ...] = tuple(self._trailing.items())
        if error.details:
            trailing += (("grpc-status-details-bin", wire.status_details(error)),)
        await self._context.abort(_CODES[error.code], error.message, trailing)


class _Service(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # generic only in the stubs
    """Finds the method of a path and runs it; messages stay bytes, so that answers may be serialised already."""

    def __init__(self, methods: Iterable[Method], gate: Gate, silence: Silence, socket: str) -> None:
        self._handlers = {method.path: _Runner(method, gate, silence, socket).handler() for method in methods}

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        return self._handlers.get(handler_call_details.method)


class _Runner:
    """Runs one method: parse, call, serialise, and turn every ending into a status."""

    def __init__(self, method: Method, gate: Gate, silence: Silence, socket: str) -> None:
        self._socket = socket
        self._method = method
        self._gate = gate
        self._silence = silence

    def handler(self) -> grpc.RpcMethodHandler[Any, Any]:
        """Wrap the method for grpc.aio by its shape."""
        shape = self._method.shape
        if shape.server_streams:
            make = (
                grpc.stream_stream_rpc_method_handler if shape.client_streams else grpc.unary_stream_rpc_method_handler
            )
            return make(self._answer_stream)
        make_unary = (
            grpc.stream_unary_rpc_method_handler if shape.client_streams else grpc.unary_unary_rpc_method_handler
        )
        return make_unary(self._answer_one)

    async def _answer_one(self, request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> bytes:
        call = AioCall(context, self._socket)
        try:
            self._enter()
            try:
                answer = self._method.handler(self._requests(request), call)
                message = serialise(await answer if isawaitable(answer) else answer)  # type: ignore[arg-type]
                await call.start()
                return message
            finally:
                self._leave()
        except RpcError as error:
            failure = error
        except Exception as error:  # noqa: BLE001 - the boundary: every exception becomes a status with an id
            failure = internal_error(error)
        await call.end(failure)
        raise failure  # not reached: `end` aborts

    async def _answer_stream(self, request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[bytes]:
        call = AioCall(context, self._socket)
        try:
            self._enter()
            try:
                answers: AsyncIterator[Answer] = self._method.handler(self._requests(request), call)  # type: ignore[assignment]
                try:
                    async for answer in answers:
                        await call.start()
                        yield serialise(answer)
                finally:
                    if isinstance(answers, AsyncGenerator):
                        await answers.aclose()
                await call.start()
                return
            finally:
                self._leave()
        except RpcError as error:
            failure = error
        except Exception as error:  # noqa: BLE001 - the boundary: every exception becomes a status with an id
            failure = internal_error(error)
        await call.end(failure)

    def _requests(self, request: Any) -> Any:
        return self._parsed(request) if self._method.shape.client_streams else self._method.parse(request)

    async def _parsed(self, requests: AsyncIterator[bytes]) -> AsyncIterator[Any]:
        task = self._silence.begin()
        try:
            async for data in requests:
                self._silence.end(task)
                yield self._method.parse(data)
        except asyncio.CancelledError:
            late = self._silence.verdict(task)
            if late is None:
                raise
            raise late from None
        finally:
            self._silence.end(task)
        # grpc.aio ends the iterator of a client that went away just as it ends one that is done sending, and cancels
        # the handler a turn of the event loop later: wait that turn, so that no handler takes one for the other.
        await asyncio.sleep(0)

    def _enter(self) -> None:
        if not self._method.is_background:
            self._gate.enter(self._method)

    def _leave(self) -> None:
        if not self._method.is_background:
            self._gate.leave()


@dataclass(frozen=True, slots=True)
class GrpcioServer:
    """A running server.

    Args:
        servers: grpc.aio's own: one for all TCP addresses, and one for each Unix socket, so that calls tell which they
            came through (grpcio shows neither the path nor the peer's user).
        addresses: where it listens, with the ports that the system chose.
        gate: the calls in flight.
    """

    servers: tuple[grpc.aio.Server, ...]
    addresses: tuple[Address, ...]
    gate: Gate

    async def listening(self) -> None:
        """Return at once: `start` has bound every address."""

    async def stop(self, grace: float) -> None:
        """Let calls in flight finish for at most `grace` seconds, then cancel them and wait for their handlers.

        grpc.aio's `stop` ends calls that have arrived and not begun with CANCELLED, which says that the caller gave up, and
        returns before the handlers that it cancelled have ended (17 of 20 in a measurement). So what has arrived is
        answered first, and what comes then is told to go elsewhere.
        """
        begun = time.monotonic()
        await asyncio.sleep(min(grace, _LINGER_SECONDS))
        await self.gate.close(min(grace, _TURN_AWAY_SECONDS))
        left = max(0.0, grace - (time.monotonic() - begun))
        await asyncio.gather(*(server.stop(left) for server in self.servers))
        await self.gate.wait_idle(_CANCELLED_HANDLERS_SECONDS)


# Calls that have arrived are answered within it.
_LINGER_SECONDS = 0.1
# Callers that come again and again are cut off after it.
_TURN_AWAY_SECONDS = 1.0
# A cancelled handler only has its `finally` blocks left to run.
_CANCELLED_HANDLERS_SECONDS = 1.0


def options(listen: Listen) -> tuple[tuple[str, int], ...]:
    """Return the channel arguments; each one that matters is explicit, because grpcio's defaults surprise."""
    limits = listen.limits
    return (
        # On by default, and then a second server on the port binds silently and takes its share of the calls.
        ("grpc.so_reuseport", int(listen.is_shared)),
        ("grpc.max_receive_message_length", limits.max_message_bytes),
        ("grpc.max_send_message_length", -1),
        ("grpc.max_concurrent_streams", limits.max_streams_per_connection),
        ("grpc.max_metadata_size", limits.max_metadata_bytes),
        ("grpc.absolute_max_metadata_size", limits.max_metadata_bytes),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", int(limits.min_ping_interval_seconds * 1000)),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_ping_strikes", 2),
    )


async def start(methods: Iterable[Method], listen: Listen, *, gate: Gate | None = None) -> GrpcioServer:
    """Bind every address and serve.

    Args:
        methods: what is served.
        listen: where, and what is let in.
        gate: counts the calls in flight; made from the limits if none is given.

    Raises:
        ConfigError: an address cannot be bound, or a certificate cannot be read.
    """
    gate = gate or Gate(listen.limits.max_concurrent_calls)
    compression = {None: None, "gzip": grpc.Compression.Gzip, "deflate": grpc.Compression.Deflate}[listen.compression]
    methods, silence = tuple(methods), Silence(listen.limits.first_message_seconds)
    credentials = None if listen.tls is None else _credentials(listen.tls)
    servers: dict[str, grpc.aio.Server] = {}
    bound = []
    for address in listen.addresses:
        socket = str(address.path) if isinstance(address, UnixAddress) else ""
        if socket not in servers:
            servers[socket] = grpc.aio.server(options=options(listen), compression=compression)
            servers[socket].add_generic_rpc_handlers((_Service(methods, gate, silence, socket),))
        bound.append(await _bind(servers[socket], address, credentials, listen))
    for server in servers.values():
        await server.start()
    return GrpcioServer(tuple(servers.values()), tuple(bound), gate)


async def _bind(
    server: grpc.aio.Server, address: Address, credentials: grpc.ServerCredentials | None, listen: Listen
) -> Address:
    if isinstance(address, UnixAddress):
        await asyncio.to_thread(address.path.unlink, missing_ok=True)
    # Nobody may connect between the bind and the chmod.
    mode = (isinstance(address, UnixAddress) and address.mode) or listen.unix_mode
    previous = os.umask(0o777 & ~mode)
    try:
        port = (
            server.add_insecure_port(str(address))
            if credentials is None
            else server.add_secure_port(str(address), credentials)
        )
    except RuntimeError as error:
        raise ConfigError(f"listen: cannot bind {address}; is something else listening there?") from error
    finally:
        os.umask(previous)
    if isinstance(address, UnixAddress) and address.group:
        _give(address)
    return address if isinstance(address, UnixAddress) else type(address)(address.host, port)


def _give(address: UnixAddress) -> None:
    """Give a socket to the group that may use it."""
    try:
        shutil.chown(address.path, group=address.group)
    except (LookupError, OSError) as error:
        raise ConfigError(f"listen: {address} cannot be given to the group {address.group} ({error})") from None


def _credentials(tls: Tls) -> grpc.ServerCredentials:
    try:
        pair = (tls.key.read_bytes(), tls.certificate.read_bytes())
        authority = None if tls.client_ca is None else tls.client_ca.read_bytes()
    except OSError as error:
        raise ConfigError(f"tls: cannot read {error.filename}: {error.strerror}") from error
    return grpc.ssl_server_credentials([pair], authority, require_client_auth=authority is not None)
