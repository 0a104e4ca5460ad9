"""An upstream that misbehaves on request."""

import asyncio
import contextlib
import json
import threading

_ANSWER = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "demo",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello."}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
).encode()


def whole(body=_ANSWER, *, status="200 OK", kind="application/json"):
    """An answer in one piece."""
    return f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


def head(kind="text/event-stream"):
    """The head of a chunked answer."""
    return f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n".encode()


def chunk(data):
    """One chunk."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def event(text):
    """One event of a streamed completion."""
    delta = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    whole_event = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "demo", "choices": [delta]}
    return b"data: " + json.dumps(whole_event).encode() + b"\n\n"


async def answer(writer, body):
    """Behave well."""
    writer.write(whole())


class Upstream:
    """A server in a thread of its own; `behave(writer, body)` answers each request, and `bodies` keeps what arrived.

    A behaviour that returns True keeps the connection for the next request; all others that return end it only where they
    close it themselves.
    """

    def __init__(self):
        self.bodies = []
        self.behave = answer
        self.busy = 0
        self.closed_by_peer = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="upstream", daemon=True)

    def __enter__(self):
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1024), self._loop
        ).result(10)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_):
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    @property
    def url(self):
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def reset(self, behave=answer):
        """Forget what arrived, and behave like this from now on."""
        self.bodies.clear()
        self.closed_by_peer = 0
        self.behave = behave

    async def _close(self):
        self._server.close()
        for task in asyncio.all_tasks():
            if task is not asyncio.current_task():
                task.cancel()
        await asyncio.sleep(0)

    async def _serve(self, reader, writer):
        try:
            while True:
                body = await _read_request(reader)
                self.bodies.append(body)
                watch = asyncio.create_task(self._note_close(reader))
                self.busy += 1
                try:
                    await self.behave(writer, body)
                    await writer.drain()
                finally:
                    self.busy -= 1
                    watch.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await watch
        except (OSError, EOFError, ValueError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _note_close(self, reader):
        """Note that the client went away while it was answered; it sends nothing else meanwhile."""
        while not reader.at_eof():  # noqa: ASYNC110 - `read` would take the next request's bytes
            await asyncio.sleep(0.05)
        self.closed_by_peer += 1


async def _read_request(reader):
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
    headers = dict(line.split(": ", 1) for line in head[1:-2])
    if headers.get("transfer-encoding") != "chunked":
        return await reader.readexactly(int(headers.get("content-length", 0)))
    body = b""
    while size := int(await reader.readline(), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readline()
    return body
