"""Admission: how many calls are in flight, how many may be, and when the last one has ended."""

from __future__ import annotations

import asyncio
import time

from sidecar.adapters.rpc import Method, RpcError, Status

# Callers that are turned away go elsewhere or wait; who comes after this long is a new one.
_QUIET_SECONDS = 0.05


class Gate:
    """Counts the calls of one worker; used from its event loop only, so it needs no lock.

    Args:
        limit: the most calls in flight. The next one is refused at once, because a queue would only hold callers
            until their deadline (grpcio's own limit queued, grpc#35376, and underflowed, grpc#41531).
    """

    __slots__ = ("_idle", "in_flight", "is_closing", "limit", "refused", "served", "turned_away")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.in_flight = 0
        self.served = 0
        self.refused = 0
        self.turned_away = 0
        self.is_closing = False
        self._idle: asyncio.Event | None = None

    def enter(self, method: Method) -> None:
        """Count one call in.

        Raises:
            RpcError: RESOURCE_EXHAUSTED if the worker is full, UNAVAILABLE if it is closing, and the method is not exempt.
        """
        if self.in_flight >= self.limit and not method.is_exempt:
            if self.is_closing:
                self.turned_away += 1
                raise RpcError(Status.UNAVAILABLE, "shutting down")
            self.refused += 1
            raise RpcError(Status.RESOURCE_EXHAUSTED, "too many calls in flight")
        self.in_flight += 1

    def leave(self) -> None:
        """Count one call out."""
        self.in_flight -= 1
        self.served += 1
        if self._idle is not None and self.in_flight == 0:
            self._idle.set()

    def render(self) -> str:
        """Return the counts in Prometheus' text format."""
        return (
            "# HELP sidecar_calls_in_flight gRPC calls under way; a stream is one call.\n"
            f"# TYPE sidecar_calls_in_flight gauge\nsidecar_calls_in_flight {self.in_flight}\n"
            "# HELP sidecar_calls_total gRPC calls that ended.\n"
            f"# TYPE sidecar_calls_total counter\nsidecar_calls_total {self.served}\n"
            "# HELP sidecar_calls_refused_total gRPC calls refused because the worker was full.\n"
            f"# TYPE sidecar_calls_refused_total counter\nsidecar_calls_refused_total {self.refused}\n"
        )

    async def close(self, seconds: float) -> None:
        """Turn new calls away, and return when none has come for a while, or after `seconds`."""
        self.is_closing = True
        self.limit = 0
        deadline = time.monotonic() + seconds
        known = -1
        while known != self.turned_away and time.monotonic() < deadline:
            known = self.turned_away
            await asyncio.sleep(_QUIET_SECONDS)

    async def wait_idle(self, seconds: float) -> bool:
        """Wait until no call is in flight, for at most `seconds`; return whether that came true."""
        if self.in_flight == 0:
            return True
        self._idle = asyncio.Event()
        try:
            await asyncio.wait_for(self._idle.wait(), seconds)
        except TimeoutError:
            return False
        finally:
            self._idle = None
        return True
