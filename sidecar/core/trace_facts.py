"""What a trace may say of an exchange: names from closed sets, figures, and a model's name that looks like one; never text."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from sidecar.core.exchange import BodyEvent, Event, HeadersEvent
from sidecar.core.gatekeeper import Usage
from sidecar.core.schemas import request_schema
from sidecar.core.usage import UsageMeter, is_streamed, read_request

# Formats of messages to the operations and providers of OpenTelemetry's GenAI conventions (semantic-conventions 1.41).
OPERATIONS: Final = {
    "openai.completions": "text_completion",
    "openai.embeddings": "embeddings",
    "gemini": "generate_content",
}
PROVIDERS: Final = {
    "openai": "openai",
    "anthropic": "anthropic",
    "gemini": "gcp.gemini",
    "bedrock": "aws.bedrock",
    "cohere": "cohere",
    "ollama": "ollama",
}
# Stands for whatever is none of ours, as in other conventions of OpenTelemetry.
OTHER: Final = "_OTHER"
# A model's name is the caller's word; what does not look like a name could be a prompt.
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,99}\Z")
# `traceparent` (W3C Trace Context, level 1): version, trace, span, flags.
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?\Z")
# `tracestate`: printable ASCII, 512 characters are what everybody must be able to pass on.
_TRACESTATE = re.compile(r"[ -~]{1,512}\Z")
# Bodies are kept for the model's name only where somebody looks; a longer one goes without.
_KEPT_BYTES = 1 << 20


class Kind(msgspec.Struct, frozen=True):
    """What sort of operation an exchange is.

    Args:
        operation: `gen_ai.operation.name`.
        provider: `gen_ai.provider.name`: whose API is spoken, not who answers.
    """

    operation: str
    provider: str


def kind_of(path: str) -> Kind:
    """Return the kind of operation that a path asks for."""
    format_ = request_schema(path).name
    family = format_.partition(".")[0]
    return Kind(OPERATIONS.get(format_, "chat" if family in PROVIDERS else OTHER), PROVIDERS.get(family, OTHER))


def model_name(text: str) -> str:
    """Return a model's name as traces may show it."""
    return text if _MODEL.match(text) else OTHER if text else ""


def parent_of(traceparent: str, tracestate: str) -> tuple[str, str]:
    """Return W3C trace context that may be passed on; nothing where it is malformed."""
    if not _TRACEPARENT.match(traceparent):
        return "", ""
    return traceparent, tracestate if _TRACESTATE.match(tracestate) else ""


class Facts:
    """Watches an exchange pass.

    Args:
        path: of the request.
    """

    def __init__(self, path: str) -> None:
        self.path = path.partition("?")[0]
        self.kind = kind_of(self.path)
        self.model = ""
        self.status = 0
        self.is_streamed = False
        self._request = bytearray()
        self._meter: UsageMeter | None = None

    def receive(self, event: Event) -> None:
        """Take the next part of the exchange."""
        if event.direction == "request":
            self._receive_request(event)
        elif isinstance(event, HeadersEvent):
            self.status = int(event.get(":status", "0")) if event.get(":status", "0").isdigit() else 0
            self.is_streamed = is_streamed(event.get("content-type"))
            self._meter = UsageMeter(is_streamed=self.is_streamed)
        elif isinstance(event, BodyEvent) and self._meter is not None:
            self._meter.receive(event.data)

    def usage(self) -> Usage:
        """Return what the answer said that it used; zeros where it did not."""
        return self._meter.finish() if self._meter else Usage()

    def _receive_request(self, event: Event) -> None:
        if not isinstance(event, BodyEvent):
            return
        if len(self._request) + len(event.data) <= _KEPT_BYTES:
            self._request += event.data
        if event.end:
            self.model = model_name(read_request(bytes(self._request), self.path).model)
            self._request.clear()
