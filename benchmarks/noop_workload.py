"""The no-op twin on our own hosts: the services' paths, answered with constants, nothing parsed.

What remains is the host alone: a filter that reaches x of this twin's rate costs 1 - x of the host's time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from sidecar.adapters._pb import external_processor_pb2 as ext
from sidecar.adapters._pb import filter_pb2 as pb
from sidecar.adapters.extproc import METHOD as EXT_PROC
from sidecar.adapters.rpc import Call, Method, Shape
from sidecar.hosts.worker import Workload

_SERVICE = "/sidecar.v1.FilterService"
_ALLOW = pb.CheckResponse(verdict=pb.VERDICT_ALLOW)
_CLEAN = _ALLOW.SerializeToString()
# By the field that a ProcessingRequest begins with: headers and body of request and response.
_CONTINUE = {
    ext.ProcessingRequest.REQUEST_HEADERS_FIELD_NUMBER: ext.ProcessingResponse(request_headers=ext.HeadersResponse()),
    ext.ProcessingRequest.REQUEST_BODY_FIELD_NUMBER: ext.ProcessingResponse(request_body=ext.BodyResponse()),
    ext.ProcessingRequest.RESPONSE_HEADERS_FIELD_NUMBER: ext.ProcessingResponse(response_headers=ext.HeadersResponse()),
    ext.ProcessingRequest.RESPONSE_BODY_FIELD_NUMBER: ext.ProcessingResponse(response_body=ext.BodyResponse()),
}
_SERIALISED = {number: response.SerializeToString() for number, response in _CONTINUE.items()}


def _check(_request: bytes, _call: Call) -> bytes:
    return _CLEAN


def _check_batch(request: pb.CheckBatchRequest, _call: Call) -> pb.CheckBatchResponse:
    return pb.CheckBatchResponse(responses=[_ALLOW] * len(request.requests))


async def _check_stream(requests: AsyncIterator[pb.CheckRequest], _call: Call) -> AsyncIterator[pb.CheckResponse]:
    async for request in requests:
        yield pb.CheckResponse(id=request.id, verdict=pb.VERDICT_ALLOW)


async def _process(requests: AsyncIterator[bytes], _call: Call) -> AsyncIterator[bytes]:
    async for request in requests:
        yield _SERIALISED[request[0] >> 3]


def workload(_settings: Mapping[str, Any]) -> Workload:
    """Make the twin for a worker."""
    return Workload(
        methods=(
            Method(f"{_SERVICE}/Check", Shape.UNARY, None, None, _check),
            Method(f"{_SERVICE}/CheckBatch", Shape.UNARY, pb.CheckBatchRequest, pb.CheckBatchResponse, _check_batch),
            Method(f"{_SERVICE}/CheckStream", Shape.BIDI, pb.CheckRequest, pb.CheckResponse, _check_stream),
            Method(EXT_PROC, Shape.BIDI, None, None, _process),
        )
    )
