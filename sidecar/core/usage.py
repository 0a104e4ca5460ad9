"""What requests ask for and what answers say they used, in every API's own words; streamed answers too."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from sidecar.core.gatekeeper import Usage

# A usage event is some hundred bytes; a line beyond this holds text, and is not kept for its usage.
_LINE_LIMIT = 64 * 1024
_STREAMED = ("text/event-stream", "application/x-ndjson", "application/stream+json")
_MENTIONS = re.compile(rb'"usage|_count"|"tokens"')


class _Tokens(msgspec.Struct):
    """`usage` of OpenAI, Anthropic and Bedrock, `usageMetadata` of Gemini, `tokens` of Cohere."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    input_tokens: int | float | None = None
    output_tokens: int | float | None = None
    inputTokens: int | None = None  # noqa: N815 - the wire's name
    outputTokens: int | None = None  # noqa: N815
    promptTokenCount: int | None = None  # noqa: N815
    candidatesTokenCount: int | None = None  # noqa: N815


class _Message(msgspec.Struct):
    model: str | None = None
    usage: _Tokens | None = None


class _CohereUsage(msgspec.Struct):
    tokens: _Tokens | None = None


class _Delta(msgspec.Struct):
    usage: _CohereUsage | None = None


class _Answer(msgspec.Struct):
    """The places where answers, and events of streamed ones, state their usage."""

    model: str | None = None
    usage: _Tokens | None = None
    usageMetadata: _Tokens | None = None  # noqa: N815 - Gemini
    message: _Message | None = None  # Anthropic's message_start
    response: _Message | None = None  # OpenAI's response.completed
    delta: _Delta | None = None  # Cohere's message-end
    prompt_eval_count: int | None = None  # Ollama
    eval_count: int | None = None


class _Request(msgspec.Struct):
    # Whatever they are: a request whose other members are odd must not hide its model.
    model: Any = None
    messages: msgspec.Raw = msgspec.Raw(b"[]")
    contents: msgspec.Raw = msgspec.Raw(b"[]")


# Stands for a model that nobody could read; it matches no name, and of patterns only `*`.
UNREAD: Final = "\0"


class Asked(msgspec.Struct, frozen=True):
    """What a request asks for: its model and how many messages it holds."""

    model: str = ""
    messages: int = 0


_requests = msgspec.json.Decoder(_Request)
_lists = msgspec.json.Decoder(list[msgspec.Raw])
_answers = msgspec.json.Decoder(_Answer)


def is_streamed(content_type: str) -> bool:
    """Tell whether an answer comes line by line."""
    return content_type.partition(";")[0].strip().lower() in _STREAMED


def read_request(body: bytes, path: str = "") -> Asked:
    """Read what a request asks for.

    Args:
        body: the request's body.
        path: the request's path, where some APIs name the model.

    Returns:
        `UNREAD` for the model where the body is no JSON object, or where path and body name different ones.
    """
    in_path = re.search(r"/models?/([^/:?]+)", path)
    model = in_path[1] if in_path else ""
    if not body:
        return Asked(model)
    try:
        request = _requests.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Asked(UNREAD)
    count = _length(request.messages) or _length(request.contents)
    named = request.model
    # Gemini's own clients write `models/NAME` in the body.
    if named is None or (isinstance(named, str) and named.removeprefix("models/") == model):
        return Asked(model, count)
    return Asked(UNREAD if model or not isinstance(named, str) else named, count)


def _length(value: msgspec.Raw) -> int:
    try:
        return len(_lists.decode(value))
    except msgspec.DecodeError:
        return 0


def read_usage(document: bytes) -> Usage | None:
    """Read what an answer, or one event of a streamed one, says that it used; None where it says nothing."""
    try:
        answer = _answers.decode(document)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    inner = answer.message or answer.response
    tokens = answer.usage or answer.usageMetadata or (inner.usage if inner else None)
    if tokens is None and answer.delta and answer.delta.usage:
        tokens = answer.delta.usage.tokens
    model = answer.model or (inner.model if inner else None) or ""
    if tokens is not None:
        return Usage(
            model,
            int(tokens.prompt_tokens or tokens.input_tokens or tokens.inputTokens or tokens.promptTokenCount or 0),
            int(
                tokens.completion_tokens
                or tokens.output_tokens
                or tokens.outputTokens
                or tokens.candidatesTokenCount
                or 0
            ),
        )
    if answer.prompt_eval_count is None and answer.eval_count is None:
        return None
    return Usage(model, answer.prompt_eval_count or 0, answer.eval_count or 0)


class UsageMeter:
    """Finds the usage in an answer while it passes; keeps no more than one line.

    Args:
        is_streamed: whether the answer is server-sent events or JSON lines.
    """

    def __init__(self, *, is_streamed: bool) -> None:
        self._is_streamed = is_streamed
        self._line = bytearray()
        self._overlong = False
        self._model = ""
        self._prompt = 0
        self._completion = 0

    def receive(self, data: bytes) -> None:
        """Take the next bytes."""
        if not self._is_streamed:
            self._line += data
            return
        *lines, rest = data.split(b"\n")
        for line in lines:
            if not self._overlong:
                self._read(bytes(self._line) + line)
            self._line.clear()
            self._overlong = False
        self._overlong = self._overlong or len(self._line) + len(rest) > _LINE_LIMIT
        if self._overlong:
            self._line.clear()
        else:
            self._line += rest

    def finish(self) -> Usage:
        """Return what the whole answer used; zeros where it did not say."""
        if self._line and not self._overlong:
            self._read(bytes(self._line))
            self._line.clear()
        return Usage(self._model, self._prompt, self._completion)

    def _read(self, line: bytes) -> None:
        if not _MENTIONS.search(line):
            return
        usage = read_usage(line.strip().removeprefix(b"data:"))
        if usage is not None:
            # Later events repeat or complete earlier ones (Anthropic sends input first, output last).
            self._model = usage.model or self._model
            self._prompt = max(self._prompt, usage.prompt_tokens)
            self._completion = max(self._completion, usage.completion_tokens)
