"""One gRPC call as ASGI shows it: its headers, its request messages, its client and its deadline."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

from sidecar.adapters.rpc import Metadata, Method, RpcError, Status
from sidecar.hosts import wire
from sidecar.hosts.framing import Deframer

Event = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]

# Bytes of request messages that wait for a slow handler before we stop reading: HTTP/2 flow control does the rest.
_BUFFERED_BYTES = 1 << 16


class AsgiCall:
    """One call over ASGI; see `sidecar.adapters.rpc.Call`."""

    __slots__ = ("_metadata", "_scope", "deadline", "encoding", "headers", "initial", "is_started", "trailing")

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._metadata: Metadata | None = None
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        timeout = self.headers.get(b"grpc-timeout")
        self.deadline = None if timeout is None else time.monotonic() + wire.parse_timeout(timeout.decode("latin-1"))
        self.initial: wire.Headers | None = None
        self.trailing: wire.Headers | None = None
        self.encoding: str | None = None
        self.is_started = False

    @property
    def metadata(self) -> Metadata:
        """What the client sent, decoded on first use."""
        if self._metadata is None:
            self._metadata = wire.decode_metadata(self._scope["headers"])
        return self._metadata

    @property
    def peer(self) -> str:
        """The other end, as grpcio writes it."""
        client = self._scope.get("client")
        if not client:
            return "unix:"
        host, port = client
        return f"ipv6:[{host}]:{port}" if ":" in host else f"ipv4:{host}:{port}"

    @property
    def socket(self) -> str:
        """Nothing: all addresses of Envoy's listener share one event loop, and ASGI does not say which it was."""
        return ""

    @property
    def peer_identities(self) -> tuple[str, ...]:
        """The names in the client certificate that Envoy verified and passes in `x-forwarded-client-cert`."""
        return wire.certificate_names(self.headers.get(b"x-forwarded-client-cert", b"").decode("latin-1"))

    def time_remaining(self) -> float | None:
        """Seconds left until the client's deadline."""
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())

    def set_initial_metadata(self, metadata: Metadata) -> None:
        """Add headers to the answer."""
        self.initial = (self.initial or []) + wire.encode_metadata(metadata)

    def set_trailing_metadata(self, metadata: Metadata) -> None:
        """Add trailers to the answer."""
        self.trailing = (self.trailing or []) + wire.encode_metadata(metadata)


class Inbox:
    """The request messages of one call, and the watch on its client and its deadline.

    `receive()` is always pending while there is room, so that a client that goes away cancels the handler wherever
    it waits. Events come in through a callback on that future: no task is made for the watching.

    Args:
        method: parses the messages.
        deframer: cuts them out of the body.
        receive: gives the body.
        call: has the deadline.
        begun: called with the first message.
    """

    __slots__ = (
        "_begun",
        "_buffered",
        "_deframer",
        "_error",
        "_is_ended",
        "_is_reading",
        "_messages",
        "_method",
        "_pending",
        "_receive",
        "_task",
        "_timer",
        "_was_cancelled",
        "is_expired",
        "is_gone",
    )

    def __init__(
        self, method: Method, deframer: Deframer, receive: Receive, call: AsgiCall, begun: Callable[[], None]
    ) -> None:
        self._begun: Callable[[], None] | None = begun
        self._method = method
        self._deframer = deframer
        self._receive = receive
        self._task = asyncio.current_task()
        self._messages: deque[bytes] = deque()
        self._buffered = 0
        self._error: RpcError | None = None
        self._is_ended = False
        self._pending: asyncio.Future[Event] | None = None
        self._is_reading = False
        self._was_cancelled = False
        self.is_gone = False
        self.is_expired = False
        remaining = call.time_remaining()
        self._timer = None if remaining is None else asyncio.get_running_loop().call_later(remaining, self._expire)

    def close(self) -> None:
        """Stop watching; the call is over."""
        self._task = None
        if self._timer is not None:
            self._timer.cancel()
        if self._pending is not None:
            self._pending.remove_done_callback(self._arrived)

    def ending(self) -> RpcError | None:
        """Say why the handler was cancelled: the status to end with, or None if there is nobody to send it to."""
        task = asyncio.current_task()
        if self._was_cancelled and task is not None:
            task.uncancel()
        if self.is_gone:
            return None
        if self.is_expired:
            return RpcError(Status.DEADLINE_EXCEEDED, "deadline exceeded")
        return RpcError(Status.UNAVAILABLE, "shutting down")

    def watch(self) -> None:
        """Ask for the next event if none is asked for and there is room for it."""
        if self._pending is None and not self.is_gone and self._buffered < _BUFFERED_BYTES:
            self._pending = asyncio.ensure_future(self._receive())
            self._pending.add_done_callback(self._arrived)

    def _arrived(self, future: asyncio.Future[Event]) -> None:
        if future is not self._pending:
            return  # taken already, by `__anext__`
        self._pending = None
        if future.cancelled():
            # Whoever cancelled a read (a wait_for around it) lost an event: the stream cannot go on.
            self._error = RpcError(Status.INTERNAL, "reading the request was cancelled")
            return
        event = None if future.exception() is not None else future.result()
        if event is None or event["type"] != "http.request":
            self.is_gone = True
            self._cancel()
            return
        self.accept(event)
        if self._is_reading:
            return
        self.watch()

    def accept(self, event: Event) -> None:
        """Take one `http.request` event."""
        try:
            for message in self._deframer.receive(event.get("body", b"")):
                self._messages.append(message)
                self._buffered += len(message)
            if not event.get("more_body", False):
                self._deframer.finish()
                self._is_ended = True
        except RpcError as error:
            self._error = error

    def _expire(self) -> None:
        self.is_expired = True
        self._cancel()

    def _cancel(self) -> None:
        if self._is_reading and self.is_gone:
            return  # `__anext__` wakes up on this very event and sees it
        task, self._task = self._task, None
        if task is not None:
            self._was_cancelled = True
            task.cancel()

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        """Return the next request message, parsed.

        Raises:
            StopAsyncIteration: after the client's half-close.
            RpcError: if the body is no gRPC framing, a message is over the limit or cannot be parsed.
        """
        while not self._messages:
            if self._error is not None:
                raise self._error
            if self._is_ended:
                raise StopAsyncIteration
            if self.is_gone:
                raise asyncio.CancelledError
            self.watch()
            await self._next_event()
        message = self._messages.popleft()
        if self._begun is not None:
            self._begun()
            self._begun = None
        self._buffered -= len(message)
        self.watch()
        return self._method.parse(message)

    async def _next_event(self) -> None:
        """Wait until `_arrived` has taken the pending event."""
        pending = self._pending
        if pending is None:
            raise RpcError(Status.INTERNAL, "request stream is stuck")
        self._is_reading = True
        try:
            if not pending.done():
                # Our own callback is on this future before the task's, so it has run when the task wakes up.
                await pending
            self._arrived(pending)
        finally:
            self._is_reading = False

    async def only(self) -> Any:
        """Return the one message of a method whose client does not stream.

        Raises:
            RpcError: as `__anext__` does, and INTERNAL for none or more than one.
        """
        try:
            message = await anext(self)
        except StopAsyncIteration:
            raise RpcError(Status.INTERNAL, "request message is missing") from None
        async for _ in self:
            raise RpcError(Status.INTERNAL, "more than one request message")
        return message
