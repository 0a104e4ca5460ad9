"""Upstreams over real sockets that behave badly in every way that is tested, and remember what they saw."""

import asyncio
import contextlib
import socket
import struct

import h2.config
import h2.connection
import h2.events

OK = b'{"choices":[{"message":{"content":"fine"}}]}'


async def until(claim, seconds=20):
    """Wait until a claim holds."""
    end = asyncio.get_running_loop().time() + seconds
    while not claim():
        assert asyncio.get_running_loop().time() < end, "it never came to that"
        await asyncio.sleep(0.01)


async def settled(server):
    """Return how many bytes an endless answer came to once nobody takes any more of it."""
    sizes = [server.sent]
    while len(sizes) < 3 or sizes[-1] != sizes[-3]:
        await asyncio.sleep(0.5)
        sizes.append(server.sent)
    return sizes[-1]


class Faulty:
    """An HTTP/1.1 server on a free loopback port; `behave` answers each request.

    Args:
        behave: gets this server, the reader and the writer, after the request was read.
    """

    def __init__(self, behave):
        self.behave = behave
        self.requests = []
        self.bodies = []
        self.connections = 0
        self.gone = asyncio.Event()
        self.sent = 0

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._tasks = set()
        return self

    async def __aexit__(self, *_):
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader, writer):
        self._tasks.add(asyncio.current_task())
        self.connections += 1
        try:
            while head := await self._head(reader):
                await self.behave(self, head, reader, writer)
                if writer.is_closing():
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            self.gone.set()
        except asyncio.CancelledError:
            pass  # the test is over
        finally:
            self._tasks.discard(asyncio.current_task())
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _head(self, reader):
        lines = []
        while (line := await reader.readline()).strip():
            lines.append(line.decode("latin-1").strip())
        if not lines:
            return None
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        self.bodies.append(await reader.readexactly(int(headers.get("content-length", 0))))
        self.requests.append((lines[0], headers))
        return lines[0]


async def _write(writer, data):
    writer.write(data)
    await writer.drain()


def answer(status=200, body=OK, **headers):
    """Answer well, with a status of choice."""
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n{lines}\r\n"

    async def behave(server, head_line, reader, writer):
        await _write(writer, head.encode() + body)

    return behave


def sequence(*behaviours):
    """Behave in another way each time; the last one stays."""
    left = list(behaviours)

    async def behave(server, *rest):
        await (left.pop(0) if len(left) > 1 else left[0])(server, *rest)

    return behave


async def black_hole(server, head, reader, writer):
    """Take the request and say nothing, ever; notice when the other side goes."""
    await reader.read(1)
    server.gone.set()
    writer.close()


async def close(server, head, reader, writer):
    """Hang up before the answer."""
    writer.close()


def _abort(writer):
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def reset(server, head, reader, writer):
    """Reset the connection before the answer."""
    _abort(writer)


async def reset_in_body(server, head, reader, writer):
    """Begin an answer and reset the connection in the middle of it."""
    await _write(writer, b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 1000\r\n\r\n")
    await _write(writer, b'data: {"choices":[{"index":0,"delta":{"content":"one two three four. "}}]}\n\n')
    await asyncio.sleep(0.1)
    _abort(writer)


async def garbage(server, head, reader, writer):
    """Answer what is no HTTP."""
    await _write(writer, b"\x00\xff\x16\x03 this is not HTTP\r\n\r\n" * 20)
    writer.close()


async def half_open(server, head, reader, writer):
    """Begin an answer and then nothing: no byte, no end."""
    await _write(writer, b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{")
    await black_hole(server, head, reader, writer)


async def bad_chunks(server, head, reader, writer):
    """Answer in chunks that are none."""
    await _write(writer, b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\nabc\r\n")
    writer.close()


async def flood(server, head, reader, writer):
    """Stream an answer without end, as fast as it is read: server-sent events, which are guarded and released one by one."""
    writer.transport.set_write_buffer_limits(65_536)
    await _write(writer, b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
    words = " ".join(f"word{number}" for number in range(800))
    event = b'data: {"choices":[{"index":0,"delta":{"content":"%s. "}}]}\n\n' % words.encode()
    while True:
        await _write(writer, b"%x\r\n%s\r\n" % (len(event), event))
        server.sent += len(event)


async def endless_events(server, head, reader, writer):
    """Stream a word every few milliseconds until the other side goes."""
    await _write(writer, b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
    event = b'data: {"choices":[{"index":0,"delta":{"content":"plain words. "}}]}\n\n'
    while True:
        await _write(writer, b"%x\r\n%s\r\n" % (len(event), event))
        await asyncio.sleep(0.005)


class Http2(asyncio.Protocol):
    """An HTTP/2 server (prior knowledge) that answers one byte of each stream and remembers resets."""

    def __init__(self, seen):
        self.seen = seen

    def connection_made(self, transport):
        self.seen["connections"] += 1
        self.seen["open"].append(transport)
        self.transport = transport
        self.state = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        self.state.initiate_connection()
        transport.write(self.state.data_to_send())

    def data_received(self, data):
        for event in self.state.receive_data(data):
            if isinstance(event, h2.events.StreamEnded):
                self.seen["requests"] += 1
                self.state.send_headers(event.stream_id, [(":status", "200"), ("content-type", "text/plain")])
                self.state.send_data(event.stream_id, b"x" * 10, end_stream=self.seen["ends"])
            elif isinstance(event, h2.events.StreamReset):
                self.seen["resets"].append(int(event.error_code))
        self.transport.write(self.state.data_to_send())


@contextlib.asynccontextmanager
async def http2_server(*, ends):
    """Serve HTTP/2; yields the port and what was seen."""
    seen = {"connections": 0, "requests": 0, "resets": [], "ends": ends, "open": []}
    server = await asyncio.get_running_loop().create_server(lambda: Http2(seen), "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], seen
    finally:
        server.close()
        for transport in seen["open"]:
            transport.abort()
        await asyncio.sleep(0)


def free_port():
    """Return a port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
