"""A small upstream that speaks the OpenAI API and answers with what it received, so that masking can be seen."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

_MODEL = "demo-echo"
_CREATED = 1_700_000_000
# Words a chunk of a streamed answer holds.
_WORDS = 2


def answer_text(request: Any) -> str:
    """Return what the demo model says: the last message, as it arrived here."""
    messages = request.get("messages") if isinstance(request, dict) else None
    last = messages[-1] if isinstance(messages, list) and messages else {}
    content = (last.get("content") if isinstance(last, dict) else "") or ""
    if isinstance(content, list):
        content = " ".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return f"You said: {content}"


def completion(request: Any) -> dict[str, Any]:
    """Return a whole chat completion."""
    message = {"role": "assistant", "content": answer_text(request)}
    return {
        "id": "chatcmpl-demo",
        "object": "chat.completion",
        "created": _CREATED,
        "model": _MODEL,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }


def completion_chunks(request: Any) -> list[bytes]:
    """Return a chat completion as server-sent events, a few words each."""
    words = answer_text(request).split(" ")
    pieces = [
        " ".join(words[i : i + _WORDS]) + (" " if i + _WORDS < len(words) else "") for i in range(0, len(words), _WORDS)
    ]
    deltas: list[tuple[dict[str, Any], str | None]] = [({"role": "assistant", "content": ""}, None)]
    deltas += [({"content": piece}, None) for piece in pieces]
    deltas.append(({}, "stop"))
    events = [
        {
            "id": "chatcmpl-demo",
            "object": "chat.completion.chunk",
            "created": _CREATED,
            "model": _MODEL,
            "choices": [{"index": 0, "delta": delta, "finish_reason": reason}],
        }
        for delta, reason in deltas
    ]
    return [f"data: {json.dumps(event)}\n\n".encode() for event in events] + [b"data: [DONE]\n\n"]


class _Handler(BaseHTTPRequestHandler):
    # Headers and body leave in two writes; Nagle would hold the second one back for 40 ms.
    disable_nagle_algorithm = True
    protocol_version = "HTTP/1.1"
    server: DemoUpstream

    def do_GET(self) -> None:
        """Answer `/v1/models` and the health check."""
        if self.path.rstrip("/").endswith("/models"):
            self._json({"object": "list", "data": [{"id": _MODEL, "object": "model", "owned_by": "portcullis"}]})
        else:
            self._json({"status": "ok"})

    def do_POST(self) -> None:
        """Answer a chat completion, whole or streamed."""
        body = self._body()
        self.server.bodies.append(body)
        try:
            request = json.loads(body or b"{}")
        except ValueError:
            self._json({"error": {"message": "not JSON", "type": "invalid_request_error"}}, status=400)
            return
        if isinstance(request, dict) and request.get("stream"):
            self._stream(completion_chunks(request))
        else:
            self._json(completion(request))

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(parts)

    def _json(self, value: Any, *, status: int = 200) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, events: list[bytes]) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for event in events:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Stay quiet; request lines are the gateway's to log."""


class DemoUpstream(ThreadingHTTPServer):
    """The demo upstream on a free loopback port, in threads of its own.

    `bodies` keeps the last bodies that arrived: what the model saw.
    """

    daemon_threads = True
    # Waiting for idle keep-alive connections would hold up the end of the process.
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.bodies: list[bytes] = []

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def start(self) -> DemoUpstream:
        """Serve until `stop`."""
        Thread(target=self.serve_forever, name="demo-upstream", daemon=True).start()
        return self

    def stop(self) -> None:
        """Stop serving."""
        self.shutdown()
        self.server_close()
