"""What the filter adds to streamed answers: time to first byte through a real Envoy, time for a token, memory for a stream.

Text itself is held back until its word is complete, at most for one more chunk; that is in the tests, not here.
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from statistics import quantiles

import click
import grpc
from rich.progress import Progress

from benchmarks.report import Figure, Report, describe_machine, save, show
from benchmarks.servers import Server, free_port, started
from sidecar.adapters._pb import external_processor_pb2 as pb
from sidecar.adapters.extproc import METHOD
from sidecar.app import load_snapshot
from sidecar.core.exchange import BodyEvent, BodyMode, Caller, HeadersEvent, Modes
from sidecar.core.transaction import Transaction
from sidecar.gateway import bootstrap
from sidecar.gateway.envoy import Envoy
from sidecar.hosts.listen import TcpAddress

_WORDS = "The harbour lights were bright and the market closed late, so we walked home along the river. " * 40
_TOKENS = [_WORDS[i : i + 4] for i in range(0, 2000, 4)]
_REQUEST = json.dumps(
    {"model": "m", "stream": True, "messages": [{"role": "user", "content": "how tall is it"}]}
).encode()
_REQUEST_HEADERS = ((":method", "POST"), (":path", "/v1/chat/completions"), ("content-type", "application/json"))
_RESPONSE_HEADERS = ((":status", "200"), ("content-type", "text/event-stream"))
# Below the limit of streams on one HTTP/2 connection.
_STREAMS_PER_CHANNEL = 500


def _event(token: str) -> bytes:
    choice = {"index": 0, "delta": {"content": token}, "finish_reason": None}
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


_EVENTS = [_event(token) for token in _TOKENS]
# What every stream begins with: a role and no text, so that nothing is held back of it.
_OPENING = _EVENTS[0].replace(b'"content": "The "', b'"role": "assistant", "content": ""')


@click.command()
@click.option("--requests", default=400, show_default=True, help="Answers for the time to first byte.")
@click.option("--streams", default=5000, show_default=True, help="Streams that are open at once.")
@click.option("--json", "path", type=click.Path(path_type=Path), default=Path("out/streaming.json"), show_default=True)
def streaming(requests: int, streams: int, path: Path) -> None:
    """Time to first byte, time for a token, and memory for an open stream."""
    with Progress(transient=True) as progress:
        task = progress.add_task("measuring", total=3)
        figures = [*asyncio.run(_first_bytes(requests))]
        progress.advance(task)
        figures.append(_token())
        progress.advance(task)
        figures.append(_memory(streams))
    report = Report(describe_machine(), tuple(figures))
    save(report, path)
    show(report, "Portcullis on streams")
    click.echo(f"saved {path}")


# Time to first byte


async def _first_bytes(count: int) -> list[Figure]:
    async with _through_envoy() as (filtered, plain):
        times: dict[int, list[float]] = {filtered: [], plain: []}
        for _ in range(count):
            for port in (filtered, plain):  # in turns, so that both meet the same noise
                times[port].append(await _first_byte(port) * 1000)
    figures = []
    for name, rank in (("p50", 49), ("p99", 98)):
        ours, bare = (quantiles(times[port], n=100)[rank] for port in (filtered, plain))
        figures.append(
            Figure(f"first byte of a stream, {name}", "ms", ours, bare, "same Envoy, no filter", ours / bare)
        )
    return figures


@asynccontextmanager
async def _through_envoy() -> AsyncIterator[tuple[int, int]]:
    """Run an upstream that streams, and an Envoy with two listeners before it: with the filter and without."""
    address = f"127.0.0.1:{free_port()}"
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stack.enter_context(
            started("sidecar", "serve", "--listen", address, "--workers", "1", "--admin", "off", address=address)
        )
        upstream = await asyncio.start_server(_answer, "127.0.0.1", 0)
        stack.callback(upstream.close)
        ports = free_port(), free_port()
        config = _two_listeners(ports, upstream.sockets[0].getsockname()[1], address, folder)
        envoy = Envoy(config, folder / "admin.sock", concurrency=1)
        await envoy.start()
        stack.push_async_callback(envoy.stop)
        yield ports


def _two_listeners(ports: tuple[int, int], upstream: int, address: str, folder: Path) -> dict[str, object]:
    configs = [
        bootstrap.bootstrap(
            bootstrap.Plan(
                listen=TcpAddress("127.0.0.1", port),
                upstream=bootstrap.parse_upstream(f"http://127.0.0.1:{upstream}"),
                filter_sockets=("/unused",),
                admin_socket=str(folder / "admin.sock"),
                body_limit=2**20,
            )
        )
        for port in ports
    ]
    whole, other = configs
    host, _, port = address.rpartition(":")
    endpoint = {"address": {"socket_address": {"address": host, "port_value": int(port)}}}
    for cluster in whole["static_resources"]["clusters"]:
        if cluster["name"] == "filter":
            cluster["load_assignment"]["endpoints"] = [{"lb_endpoints": [{"endpoint": endpoint}]}]
    [listener] = other["static_resources"]["listeners"]
    listener["name"] = "plain"
    del listener["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"][0]
    whole["static_resources"]["listeners"].append(listener)
    return whole


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer every request on a connection with a stream, its opening at once and the rest a moment later."""
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = next(
                (int(line[15:]) for line in head.lower().split(b"\r\n") if line[:15] == b"content-length:"), 0
            )
            await reader.readexactly(length)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
            for events in ([_OPENING], _EVENTS[:20]):
                for event in events:
                    writer.write(b"%x\r\n%b\r\n" % (len(event), event))
                await asyncio.sleep(0.005)
            writer.write(b"0\r\n\r\n")
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def _first_byte(port: int) -> float:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n"
    writer.write(head + b"content-length: %d\r\n\r\n%b" % (len(_REQUEST), _REQUEST))
    begin = time.perf_counter()
    await reader.readuntil(b"data: ")
    taken = time.perf_counter() - begin
    await reader.read()
    writer.close()
    return taken


# Time for a token


def _token() -> Figure:
    filters = load_snapshot().filter
    seconds = []
    for modes in (Modes(BodyMode.BUFFERED, BodyMode.FULL_DUPLEX), Modes(BodyMode.BUFFERED, BodyMode.NONE)):
        best = float("inf")
        for _ in range(5):
            transaction = Transaction(filters, Caller(modes=modes, guard_response=modes.response is not BodyMode.NONE))
            transaction.receive(HeadersEvent("request", _REQUEST_HEADERS))
            transaction.receive(BodyEvent("request", _REQUEST, end=True))
            transaction.receive(HeadersEvent("response", _RESPONSE_HEADERS))
            begin = time.process_time()
            for event in _EVENTS:
                transaction.receive(BodyEvent("response", event))
            best = min(best, (time.process_time() - begin) / len(_EVENTS))
        seconds.append(best)
    ours, bare = (value * 1e6 for value in seconds)
    return Figure("a token of four characters", "µs", ours, bare, "the same exchange, unguarded", ours / bare)


# Memory for an open stream


def _memory(count: int) -> Figure:
    address = f"127.0.0.1:{free_port()}"
    with started(
        "sidecar", "serve", "--listen", address, "--workers", "2", "--admin", "off", address=address
    ) as server:
        before = _resident(server)
        after, open_ = asyncio.run(_open_streams(server, count))
    kibibytes = (after - before) / open_ / 1024
    return Figure(f"memory of each of {open_} open streams", "KiB", kibibytes, 64.0, "the goal", kibibytes / 64)


async def _open_streams(server: Server, count: int) -> tuple[int, int]:
    """Open exchanges that are in the middle of their answers; return the memory then, and how many are open."""
    async with AsyncExitStack() as stack:
        channels = []
        for number in range(-(-count // _STREAMS_PER_CHANNEL)):
            options = [("grpc.use_local_subchannel_pool", 1), ("bench.number", number)]
            channels.append(await stack.enter_async_context(grpc.aio.insecure_channel(server.address, options=options)))
        opened = 0
        calls = []
        for number in range(count):
            call = channels[number // _STREAMS_PER_CHANNEL].stream_stream(
                METHOD,
                request_serializer=pb.ProcessingRequest.SerializeToString,
                response_deserializer=pb.ProcessingResponse.FromString,
            )()  # type: ignore[call-arg]  # the stubs ask for an iterator that the library does not need
            calls.append(call)
            opened += await _into_the_answer(call)
        after = _resident(server)
        for call in calls:
            call.cancel()
    return after, opened


async def _into_the_answer(call: grpc.aio.StreamStreamCall[pb.ProcessingRequest, pb.ProcessingResponse]) -> int:
    for message in _HALF_AN_EXCHANGE:
        await call.write(message)
        answer = await call.read()
        if not isinstance(answer, pb.ProcessingResponse) or answer.HasField("immediate_response"):
            return 0
    return 1


def _map(headers: tuple[tuple[str, str], ...]) -> pb.HeaderMap:
    return pb.HeaderMap(headers=[pb.HeaderValue(key=name, raw_value=value.encode()) for name, value in headers])


_HALF_AN_EXCHANGE = (
    pb.ProcessingRequest(
        request_headers=pb.HttpHeaders(headers=_map(_REQUEST_HEADERS)),
        protocol_config=pb.ProtocolConfiguration(request_body_mode=pb.BUFFERED, response_body_mode=pb.STREAMED),
    ),
    pb.ProcessingRequest(request_body=pb.HttpBody(body=_REQUEST, end_of_stream=True)),
    pb.ProcessingRequest(response_headers=pb.HttpHeaders(headers=_map(_RESPONSE_HEADERS))),
    *(pb.ProcessingRequest(response_body=pb.HttpBody(body=event)) for event in _EVENTS[:10]),
)


def _resident(server: Server) -> int:
    """Return the resident memory of a server and its workers, in bytes."""
    page = os.sysconf("SC_PAGE_SIZE")
    return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * page for pid in server.family())
