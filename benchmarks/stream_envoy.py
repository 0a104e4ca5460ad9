"""What the filter adds to streamed answers through a real Envoy: time to the first byte; and the memory of open streams."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import grpc

from benchmarks.book import Book, Effort
from benchmarks.contenders import LOAD_CPUS, SERVER_CPUS, on
from benchmarks.latency import at, curve, merged, new_histogram, record
from benchmarks.memory import resident
from benchmarks.report import Chart, Figure, Goal, Series
from benchmarks.servers import Server, free_port, started
from benchmarks.stream_guard import event, tokens
from sidecar.adapters._pb import external_processor_pb2 as pb
from sidecar.adapters.extproc import METHOD
from sidecar.gateway import bootstrap
from sidecar.gateway.envoy import Envoy
from sidecar.hosts.listen import TcpAddress

HOSTS = ("envoy", "grpcio")
PLAIN = "same Envoy, no filter"
_EVENTS = [event(token) for token in tokens(20)]
# What every stream begins with: a role and no text, so that nothing is held back of it.
_OPENING = event("").replace(b'"content":""', b'"role":"assistant","content":""')
_REQUEST = json.dumps(
    {"model": "m", "stream": True, "messages": [{"role": "user", "content": "how tall is it"}]}
).encode()
_REQUEST_HEADERS = ((":method", "POST"), (":path", "/v1/chat/completions"), ("content-type", "application/json"))
_RESPONSE_HEADERS = ((":status", "200"), ("content-type", "text/event-stream"))
# Below the limit of streams on one HTTP/2 connection.
_STREAMS_PER_CHANNEL = 100
_ADDED_MS = 2.0
_STREAM_KIB = 64.0


def measure_envoy(book: Book, effort: Effort, *, streams: int) -> None:
    """Measure both hosts behind a real Envoy."""
    for host in HOSTS:
        with book.part(f"first byte, host {host}"), on(LOAD_CPUS):
            asyncio.run(_first_bytes(book, effort, host))
    for host in HOSTS:
        with book.part(f"open streams, host {host}"):
            book.add(_memory(host, streams))


async def _first_bytes(book: Book, effort: Effort, host: str) -> None:
    ours = f"sidecar, host {host}"
    async with _through_envoy(host) as ports:
        names = dict(zip((ours, PLAIN), ports, strict=True))
        turns = []
        for turn in range(effort.turns + 1):
            found = {name: new_histogram() for name in names}
            for _ in range(effort.pick(150, 20) if turn else 10):
                for name, port in names.items():  # one after the other, so that both meet the same noise
                    record(found[name], await _first_byte(port) * 1e6)
            if turn:
                turns.append(found)
    for percentile in (50, 99):
        series = [Series(name, tuple(at(found[name], percentile) for found in turns)) for name in names]
        goals = (Goal("added", _ADDED_MS, PLAIN),) if percentile == 99 else ()
        question = f"first byte of a stream, p{percentile}, host {host}"
        book.add(Figure(f"first-byte-p{percentile}-{host}", question, "ms", series[0], tuple(series[1:]), goals=goals))
    lines = tuple(curve(name, merged([found[name] for found in turns])) for name in names)
    title = f"First byte of a streamed answer, host {host}"
    book.draw(Chart(f"first-byte-{host}", title, "percentile of answers", "ms", lines, percentiles=True))


@asynccontextmanager
async def _through_envoy(host: str) -> AsyncIterator[tuple[int, int]]:
    """Run an upstream that streams, and an Envoy with two listeners before it: with the filter and without."""
    address = f"127.0.0.1:{free_port()}"
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stack.enter_context(started(*_command(host, address, 1), address=address, cpus=SERVER_CPUS))
        upstream = await asyncio.start_server(_answer, "127.0.0.1", 0)
        stack.callback(upstream.close)
        ports = free_port(), free_port()
        config = _two_listeners(ports, upstream.sockets[0].getsockname()[1], address, folder)
        envoy = Envoy(config, folder / "admin.sock", concurrency=1)
        with on(SERVER_CPUS):  # inherited by the process that is started
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
            for events in ([_OPENING], _EVENTS):
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


def _command(host: str, address: str, workers: int) -> tuple[str, ...]:
    return ("sidecar", "serve", "--listen", address, "--host", host, "--workers", str(workers), "--admin", "off")


def _memory(host: str, count: int) -> Figure:
    """Return the memory of each of so many streams that are open at once; the twin is the same number that is just opened."""
    address = f"127.0.0.1:{free_port()}"
    with started(*_command(host, address, 2), address=address, cpus=SERVER_CPUS) as server:
        before = _resident(server)
        after, opened = asyncio.run(_open_streams(server, count))
    if opened < count:
        raise RuntimeError(f"only {opened} of {count} streams were answered")
    each = Series(f"sidecar, host {host}", ((after - before) / opened / 1024,))
    empty = _empty_streams(host, count)
    twin = Series("streams that only sent headers", (empty,))
    question = f"memory of each of {opened:,} open streams, host {host}"
    return Figure(f"memory-{host}", question, "KiB", each, (twin,), goals=(Goal("value", _STREAM_KIB),))


def _empty_streams(host: str, count: int) -> float:
    address = f"127.0.0.1:{free_port()}"
    with started(*_command(host, address, 2), address=address, cpus=SERVER_CPUS) as server:
        before = _resident(server)
        after, opened = asyncio.run(_open_streams(server, count, _HALF_AN_EXCHANGE[:1]))
    return (after - before) / max(1, opened) / 1024


async def _open_streams(server: Server, count: int, messages: Sequence[pb.ProcessingRequest] = ()) -> tuple[int, int]:
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
            opened += await _into_the_answer(call, messages or _HALF_AN_EXCHANGE)
        after = _resident(server)
        for call in calls:
            call.cancel()
    return after, opened


async def _into_the_answer(
    call: grpc.aio.StreamStreamCall[pb.ProcessingRequest, pb.ProcessingResponse],
    messages: Sequence[pb.ProcessingRequest],
) -> int:
    for message in messages:
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
    return sum(resident(pid) for pid in server.family())
