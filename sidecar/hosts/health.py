"""`grpc.health.v1` for both hosts: what a load balancer may send, and which worker with which rules is answering."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse, HealthListRequest, HealthListResponse

from sidecar.adapters.rpc import Answer, Call, Metadata, Method, RpcError, Shape, Status

SERVICE = "grpc.health.v1.Health"
_SERVING = HealthCheckResponse.SERVING
_NOT_SERVING = HealthCheckResponse.NOT_SERVING


class Health:
    """The health of one worker; all its services are well, or none is.

    Args:
        services: full names of the services that clients may ask about; the empty name is the whole server.
        identity: what the answer's metadata says of the worker (`sidecar-worker`, `-generation`, `-revision`),
            asked anew each time because a reload changes it.
    """

    def __init__(self, services: tuple[str, ...], identity: Callable[[], Metadata]) -> None:
        self._services = frozenset(("", *services))
        self._identity = identity
        self._is_serving = False
        self._changed = asyncio.Event()

    @property
    def is_serving(self) -> bool:
        """Whether new calls are wanted."""
        return self._is_serving

    def set_serving(self, is_serving: bool) -> None:
        """Say whether new calls are wanted, and tell every watcher."""
        self._is_serving = is_serving
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def methods(self) -> tuple[Method, ...]:
        """Return Check, Watch and List; a full worker still answers them."""
        return (
            _method("Check", Shape.UNARY, HealthCheckRequest, HealthCheckResponse, self.check),
            _method("List", Shape.UNARY, HealthListRequest, HealthListResponse, self.list),
            _method("Watch", Shape.SERVER_STREAM, HealthCheckRequest, HealthCheckResponse, self.watch),
        )

    def check(self, request: HealthCheckRequest, call: Call) -> Answer:
        """Answer for one service.

        Raises:
            RpcError: NOT_FOUND for a service that is not here, as the protocol asks.
        """
        call.set_initial_metadata(self._identity())
        if request.service not in self._services:
            raise RpcError(Status.NOT_FOUND, "unknown service")
        answer: Answer = self._answer()
        return answer

    def list(self, request: HealthListRequest, call: Call) -> Answer:
        """Answer for every service."""
        del request
        call.set_initial_metadata(self._identity())
        answer: Answer = HealthListResponse(statuses={name: self._answer() for name in self._services})
        return answer

    async def watch(self, request: HealthCheckRequest, call: Call) -> AsyncIterator[Answer]:
        """Answer now and at every change; an unknown service is SERVICE_UNKNOWN, as the protocol asks."""
        call.set_initial_metadata(self._identity())
        is_known = request.service in self._services
        while True:
            changed = self._changed
            yield self._answer() if is_known else HealthCheckResponse(status=HealthCheckResponse.SERVICE_UNKNOWN)
            await changed.wait()

    def _answer(self) -> HealthCheckResponse:
        return HealthCheckResponse(status=_SERVING if self._is_serving else _NOT_SERVING)


def _method(name: str, shape: Shape, request: type, response: type, handler: object) -> Method:
    return Method(f"/{SERVICE}/{name}", shape, request, response, handler, is_background=True)  # type: ignore[arg-type]
