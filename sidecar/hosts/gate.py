"""Admission: how many calls are in flight, how many may be, and when the last one has ended."""

from __future__ import annotations

import asyncio

from sidecar.adapters.rpc import Method, RpcError, Status


class Gate:
    """Counts the calls of one worker; used from its event loop only, so it needs no lock.

    Args:
        limit: the most calls in flight. The next one is refused at once, because a queue would only hold callers
            until their deadline (grpcio's own limit queued, grpc#35376, and underflowed, grpc#41531).
    """

    __slots__ = ("_idle", "in_flight", "limit", "refused", "served")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.in_flight = 0
        self.served = 0
        self.refused = 0
        self._idle: asyncio.Event | None = None

    def enter(self, method: Method) -> None:
        """Count one call in.

        Raises:
            RpcError: RESOURCE_EXHAUSTED if the worker is full, and the method is not exempt.
        """
        if self.in_flight >= self.limit and not method.is_exempt:
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
