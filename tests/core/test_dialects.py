"""Which way an answer streams, and how each API is told of a block."""

import json

import pytest

from sidecar.core.api_errors import Fault
from sidecar.core.dialects import GENERIC, OPENAI_CHAT, dialect_for
from sidecar.core.schemas import FORMATS
from sidecar.core.sse import EventStreamFramer, LineFramer, SseFramer

SSE, LINES, AWS = "text/event-stream", "application/x-ndjson", "application/vnd.amazon.eventstream"
FAULT = Fault(403, "blocked", "The answer was blocked by the security policy (rule x).")


@pytest.mark.parametrize("name", sorted({item.request.name for item in FORMATS} | {"json", "never heard of"}))
@pytest.mark.parametrize(("media", "framer"), [(SSE, SseFramer), (LINES, LineFramer), (AWS, EventStreamFramer)])
def test_every_format_can_stream_in_every_framing(name, media, framer):
    """An answer is read in the framing that it claims, known format or not."""
    dialect = dialect_for(name, media)

    assert isinstance(dialect.framer(), framer)


@pytest.mark.parametrize("media", ["application/json", "text/plain", "", "image/png"])
def test_what_is_no_stream_of_events_is_read_whole(media):
    """Everything else is a body."""
    assert dialect_for("openai.chat", media) is None


def test_unknown_formats_are_guarded_place_by_place():
    """Completions stream as chat does; what nobody described is generic."""
    assert (dialect_for("openai.completions", SSE), dialect_for("mine", SSE)) == (OPENAI_CHAT, GENERIC)


@pytest.mark.parametrize(
    ("name", "media"),
    [
        ("openai.chat", SSE),
        ("openai.responses", SSE),
        ("anthropic.messages", SSE),
        ("gemini", SSE),
        ("cohere.chat", SSE),
        ("json", SSE),
        ("a2a", SSE),
        ("ollama", LINES),
        ("bedrock.converse", AWS),
    ],
)
def test_a_block_is_told_in_the_dialect_itself(name, media):
    """The last event is one that the API's own framing and JSON can carry."""
    dialect = dialect_for(name, media)
    first = next(iter(dialect.framer().receive(dialect.block(FAULT))))

    assert FAULT.message in json.dumps(json.loads(first.data))
