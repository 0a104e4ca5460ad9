"""The no-op twin: grpc.aio with uvloop that answers each call with a constant, as `python -m benchmarks.noop ADDRESS [WORKERS]`.

With more than one worker the processes share the port, as the sidecar's do: nobody has more cores than the other.
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import grpc
import uvloop

from sidecar.adapters._pb import external_processor_pb2 as ext
from sidecar.adapters._pb import filter_pb2 as pb

_CLEAN = pb.CheckResponse(verdict=pb.VERDICT_ALLOW)
_CONTINUE = {
    "request_headers": ext.ProcessingResponse(request_headers=ext.HeadersResponse()),
    "request_body": ext.ProcessingResponse(request_body=ext.BodyResponse()),
    "response_headers": ext.ProcessingResponse(response_headers=ext.HeadersResponse()),
    "response_body": ext.ProcessingResponse(response_body=ext.BodyResponse()),
}


async def _check(_request: pb.CheckRequest, _context: object) -> pb.CheckResponse:
    return _CLEAN


async def _check_batch(request: pb.CheckBatchRequest, _context: object) -> pb.CheckBatchResponse:
    return pb.CheckBatchResponse(responses=[_CLEAN] * len(request.requests))


async def _check_stream(requests: AsyncIterator[pb.CheckRequest], _context: object) -> AsyncIterator[pb.CheckResponse]:
    async for request in requests:
        yield pb.CheckResponse(id=request.id, verdict=pb.VERDICT_ALLOW)


async def _process(requests: AsyncIterator[Any], _context: object) -> AsyncIterator[Any]:
    async for request in requests:
        yield _CONTINUE[request.WhichOneof("request")]


async def _serve(address: str) -> None:
    server = grpc.aio.server(options=(("grpc.so_reuseport", 1),))
    check = grpc.unary_unary_rpc_method_handler(_check, pb.CheckRequest.FromString, pb.CheckResponse.SerializeToString)
    batch = grpc.unary_unary_rpc_method_handler(
        _check_batch, pb.CheckBatchRequest.FromString, pb.CheckBatchResponse.SerializeToString
    )
    stream = grpc.stream_stream_rpc_method_handler(
        _check_stream, pb.CheckRequest.FromString, pb.CheckResponse.SerializeToString
    )
    methods = {"Check": check, "CheckBatch": batch, "CheckStream": stream}
    process = grpc.stream_stream_rpc_method_handler(
        _process, ext.ProcessingRequest.FromString, ext.ProcessingResponse.SerializeToString
    )
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler("sidecar.v1.FilterService", methods),
            grpc.method_handlers_generic_handler("envoy.service.ext_proc.v3.ExternalProcessor", {"Process": process}),
        )
    )
    server.add_insecure_port(address)
    await server.start()
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    await stopping.wait()
    await server.stop(1)


def main() -> None:
    """Serve; of several workers this process only starts and ends the others."""
    address, workers = sys.argv[1], int((*sys.argv, "1")[2])
    if workers == 1:
        uvloop.run(_serve(address))
        return
    children = [subprocess.Popen([sys.executable, "-m", "benchmarks.noop", address]) for _ in range(workers)]

    def end(_signal: int, _frame: object) -> None:
        for child in children:
            child.terminate()

    signal.signal(signal.SIGTERM, end)
    for child in children:
        child.wait()


if __name__ == "__main__":
    main()
