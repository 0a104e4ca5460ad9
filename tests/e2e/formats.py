"""One request and one answer of each API that the matrix covers, with a place for a text."""


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
