"""One request and one answer of each API that the matrix covers, with a place for a text."""

import json

from sidecar.core.sse import event_stream_headers, event_stream_message


def _chat(text):
    return {"model": "m", "messages": [{"role": "user", "content": text}]}


def _chat_answer(text):
    message = {"role": "assistant", "content": text}
    return {
        "id": "c",
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
    }


# Name: path, request, answer.
FORMATS = {
    "openai.chat": ("/v1/chat/completions", _chat, _chat_answer),
    "openai.responses": (
        "/v1/responses",
        lambda text: {"model": "m", "input": [{"role": "user", "content": [{"type": "input_text", "text": text}]}]},
        lambda text: {"id": "r", "output": [{"type": "message", "content": [{"type": "output_text", "text": text}]}]},
    ),
    "openai.completions": (
        "/v1/completions",
        lambda text: {"model": "m", "prompt": text},
        lambda text: {"id": "c", "choices": [{"index": 0, "text": text, "finish_reason": "stop"}]},
    ),
    "anthropic": (
        "/v1/messages",
        lambda text: {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": text}]},
        lambda text: {"id": "m", "type": "message", "role": "assistant", "content": [{"type": "text", "text": text}]},
    ),
    "gemini": (
        "/v1beta/models/m:generateContent",
        lambda text: {"contents": [{"role": "user", "parts": [{"text": text}]}]},
        lambda text: {"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}}]},
    ),
    "bedrock": (
        "/model/m/converse",
        lambda text: {"messages": [{"role": "user", "content": [{"text": text}]}]},
        lambda text: {"output": {"message": {"role": "assistant", "content": [{"text": text}]}}},
    ),
    "cohere": (
        "/v2/chat",
        lambda text: {"model": "m", "messages": [{"role": "user", "content": text}]},
        lambda text: {"id": "c", "message": {"role": "assistant", "content": [{"type": "text", "text": text}]}},
    ),
    "ollama": (
        "/api/chat",
        lambda text: {"model": "m", "stream": False, "messages": [{"role": "user", "content": text}]},
        lambda text: {"model": "m", "message": {"role": "assistant", "content": text}, "done": True},
    ),
    "mcp": (
        "/mcp",
        lambda text: {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "sampling/createMessage",
            "params": {"messages": [{"role": "user", "content": {"type": "text", "text": text}}]},
        },
        lambda text: {"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": text}]}},
    ),
    "unknown": ("/some/api", lambda text: {"anything": [{"text": text}]}, lambda text: {"said": text}),
}

# Where an error body of each API keeps its sentence.
MESSAGES = {
    "openai": lambda body: body["error"]["message"],
    "anthropic": lambda body: body["error"]["message"],
    "gemini": lambda body: body["error"]["message"],
    "bedrock": lambda body: body["message"],
    "cohere": lambda body: body["message"],
    "ollama": lambda body: body["error"],
    "mcp": lambda body: body["error"]["message"],
    "unknown": lambda body: body["error"]["message"],
}


def sse(value, event=""):
    """Write one server-sent event."""
    return (f"event: {event}\n" if event else "").encode() + b"data: " + json.dumps(value).encode() + b"\n\n"


def aws(kind, value):
    """Write one message of Amazon's event stream."""
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return event_stream_message(event_stream_headers(headers), json.dumps(value).encode())


def _chat_events(pieces):
    head = {"id": "c", "object": "chat.completion.chunk", "model": "m"}
    deltas = [{"role": "assistant", "content": ""}, *({"content": piece} for piece in pieces)]
    events = [sse(head | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}) for delta in deltas]
    last = sse(head | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    usage = sse(head | {"choices": [], "usage": {"total_tokens": 9}})
    return [*events, last, usage, b"data: [DONE]\n\n"]


def _responses_events(pieces):
    place = {"item_id": "i", "output_index": 0, "content_index": 0}
    kind = "response.output_text.delta"
    return [sse({"type": kind, "delta": piece} | place, kind) for piece in pieces] + [
        sse({"type": "response.output_text.done", "text": "".join(pieces)} | place, "response.output_text.done"),
        sse({"type": "response.completed", "response": {"id": "r", "status": "completed"}}, "response.completed"),
    ]


def _anthropic_events(pieces):
    delta = "content_block_delta"
    return [
        sse(
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            "content_block_start",
        ),
        *(sse({"type": delta, "index": 0, "delta": {"type": "text_delta", "text": piece}}, delta) for piece in pieces),
        sse({"type": "content_block_stop", "index": 0}, "content_block_stop"),
        sse(
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}},
            "message_delta",
        ),
        sse({"type": "message_stop"}, "message_stop"),
    ]


def _gemini_events(pieces):
    return [
        sse({"candidates": [{"index": 0, "content": {"role": "model", "parts": [{"text": piece}]}}]})
        for piece in pieces
    ]


def _gemini_items(pieces):
    items = [event.removeprefix(b"data: ").strip() for event in _gemini_events(pieces)]
    return [(b"[" if index == 0 else b",\r\n") + item for index, item in enumerate(items)] + [b"]\n"]


def _cohere_events(pieces):
    def delta(message):
        return {"type": "content-delta", "index": 0, "delta": {"message": message}}

    return [
        sse({"type": "message-start", "id": "c", "delta": {"message": {"role": "assistant"}}}, "message-start"),
        *(sse(delta({"content": {"text": piece}}), "content-delta") for piece in pieces),
        sse({"type": "content-end", "index": 0}, "content-end"),
        sse({"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": {}}}, "message-end"),
    ]


def _generic_events(pieces):
    return [sse({"token": {"text": piece}}) for piece in pieces] + [sse({"done": True})]


def _converse_events(pieces):
    return [
        aws("messageStart", {"role": "assistant"}),
        *(aws("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": piece}}) for piece in pieces),
        aws("contentBlockStop", {"contentBlockIndex": 0}),
        aws("messageStop", {"stopReason": "end_turn"}),
    ]


def _ollama_lines(pieces):
    lines = [{"model": "m", "message": {"role": "assistant", "content": piece}, "done": False} for piece in pieces]
    lines.append({"model": "m", "message": {"role": "assistant", "content": ""}, "done": True})
    return [json.dumps(line).encode() + b"\n" for line in lines]


_EVENTS = "text/event-stream"
# Name: path, media type, what writes the pieces of a text as events.
STREAMS = {
    "openai.chat": ("/v1/chat/completions", _EVENTS, _chat_events),
    "openai.responses": ("/v1/responses", _EVENTS, _responses_events),
    "anthropic": ("/v1/messages", _EVENTS, _anthropic_events),
    "gemini": ("/v1beta/models/m:streamGenerateContent", _EVENTS, _gemini_events),
    "gemini list": ("/v1beta/models/m:streamGenerateContent", "application/json", _gemini_items),
    "cohere": ("/v2/chat", _EVENTS, _cohere_events),
    "unknown": ("/some/api", _EVENTS, _generic_events),
    "bedrock": ("/model/m/converse-stream", "application/vnd.amazon.eventstream", _converse_events),
    "ollama": ("/api/chat", "application/x-ndjson", _ollama_lines),
}
