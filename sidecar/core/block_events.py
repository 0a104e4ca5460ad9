"""How a block is told in mid-stream: the last event of a stream that may not go on, as the API itself would write it."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from sidecar.core import api_errors
from sidecar.core.sse import event_stream_headers, event_stream_message


def write(name: str, fault: api_errors.Fault) -> bytes:
    """Return the bytes that end a stream.

    Args:
        name: the dialect's.
        fault: why.
    """
    return _BLOCKS.get(name, _sse_error)(name, fault)


def end_list(name: str, fault: api_errors.Fault, *, begun: bool) -> bytes:
    """Return the bytes that end a list which is streamed item by item.

    Args:
        name: the dialect's.
        fault: why.
        begun: whether an item has left.
    """
    return (b"," if begun else b"[") + api_errors.error_body(name, fault) + b"]"


def _sse(event: str, data: bytes) -> bytes:
    return (f"event: {event}\n".encode() if event else b"") + b"data: " + data + b"\n\n"


def _sse_error(name: str, fault: api_errors.Fault) -> bytes:
    """Write an error event, which makes the API's own client raise, and the end where the API has one."""
    return _sse("", api_errors.error_body(name, fault)) + (b"data: [DONE]\n\n" if name.startswith("openai") else b"")


def _named_error(name: str, fault: api_errors.Fault) -> bytes:
    return _sse("error", api_errors.error_body(name, fault))


def _responses_error(name: str, fault: api_errors.Fault) -> bytes:
    del name
    error = {"type": "error", "code": fault.code, "message": fault.message, "param": None, "sequence_number": 0}
    return _sse("error", msgspec.json.encode(error | {"error": {"code": fault.code, "message": fault.message}}))


def _cohere_error(name: str, fault: api_errors.Fault) -> bytes:
    del name
    delta = {"finish_reason": "ERROR", "error": fault.message}
    return _sse("message-end", msgspec.json.encode({"type": "message-end", "delta": delta}))


def _line_error(name: str, fault: api_errors.Fault) -> bytes:
    return api_errors.error_body(name, fault) + b"\n"


def _exception(name: str, fault: api_errors.Fault) -> bytes:
    headers = {
        ":message-type": "exception",
        ":exception-type": "validationException",
        ":content-type": "application/json",
    }
    return event_stream_message(event_stream_headers(headers), api_errors.error_body(name, fault))


_BLOCKS: dict[str, Callable[[str, api_errors.Fault], bytes]] = {
    "anthropic.messages": _named_error,
    "openai.responses": _responses_error,
    "bedrock.converse": _exception,
    "bedrock.invoke": _exception,
    "cohere.chat": _cohere_error,
    "ollama": _line_error,
}
