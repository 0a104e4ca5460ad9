"""How each API streams its answers: where the pieces of each text stand, what ends a text, and how a block is told."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from sidecar.core import block_events
from sidecar.core.api_errors import Fault
from sidecar.core.fields import DERIVED, MEDIA, SEALED, Field, below
from sidecar.core.formats import bedrock, openai
from sidecar.core.json_list import ListFramer
from sidecar.core.sse import (
    EventStreamFramer,
    Framer,
    LineFramer,
    SseFramer,
)

TEXT, REASONING, CALL = "response.text", "response.reasoning", "response.tool_call"


class Delta(msgspec.Struct, frozen=True):
    """A place of an event that holds the next piece of a text.

    Args:
        pattern: JSON pointer pattern, as in `Field`; a first step `name@type` is `name` in events of that type.
        target: what the text is.
        embedded: whether the whole text is JSON, whose strings are the segments.
    """

    pattern: str
    target: str = TEXT
    embedded: bool = False


class Close(msgspec.Struct, frozen=True):
    """A place of an event that says that texts are complete.

    Args:
        pattern: JSON pointer pattern.
        values: the strings that say so; empty: any string.
    """

    pattern: str
    values: frozenset[str] = frozenset()


class Dialect(msgspec.Struct, frozen=True):
    """How one API streams.

    Args:
        name: the format's name.
        framer: makes the framer of one stream.
        deltas: where pieces of texts stand.
        wholes: places of texts that are complete in one event; every other string of an event is one, too.
        opaque: places of identifiers.
        closes: what says that texts are complete; those whose numbers begin with the event's own.
        numbers: the members that number choices, blocks and calls; pieces with the same numbers are one text.
        lists: lists whose items are numbered by their place where they do not say their number.
        other: the target of strings that no pattern names.
        media_type: of the stream.
        nested: whether an event's document is inside another: base64 under `bytes`.
        is_list: whether the events are the items of one JSON list, which cannot overtake each other.
    """

    name: str
    framer: Callable[[], Framer] = SseFramer
    deltas: tuple[Delta, ...] = ()
    wholes: tuple[Field, ...] = ()
    opaque: tuple[str, ...] = ()
    closes: tuple[Close, ...] = ()
    numbers: tuple[str, ...] = ("index",)
    lists: tuple[str, ...] = ("choices", "candidates", "outputs", "tool_calls")
    other: str = "response.metadata"
    media_type: str = "text/event-stream"
    nested: bool = False
    is_list: bool = False

    def block(self, fault: Fault, *, begun: bool = True) -> bytes:
        """Write what ends a stream that may not go on, as the API itself would.

        Args:
            fault: why.
            begun: whether anything of the stream has left.
        """
        return (
            block_events.end_list(self.name, fault, begun=begun)
            if self.is_list
            else block_events.write(self.name, fault)
        )


_OPENAI_IDS = below("", "id", "object", "model", "system_fingerprint", "service_tier", "obfuscation")

OPENAI_CHAT = Dialect(
    name="openai.chat",
    deltas=(
        Delta("/choices/*/delta/content"),
        Delta("/choices/*/delta/content/*/text"),
        Delta("/choices/*/delta/refusal"),
        Delta("/choices/*/delta/reasoning", REASONING),
        Delta("/choices/*/delta/reasoning_content", REASONING),
        Delta("/choices/*/delta/audio/transcript"),
        Delta("/choices/*/delta/tool_calls/*/function/arguments", CALL, embedded=True),
        Delta("/choices/*/delta/function_call/arguments", CALL, embedded=True),
        Delta("/choices/*/text"),
    ),
    wholes=(
        Field("/choices/*/delta/tool_calls/*/function/name", CALL),
        Field("/choices/*/delta/audio/data", MEDIA),
        Field("/choices/*/delta/annotations/**", TEXT),
        Field("/choices/*/logprobs/**", DERIVED),
    ),
    opaque=(
        *_OPENAI_IDS,
        *below("/choices/*", "finish_reason", "native_finish_reason", "delta/role"),
        *below("/choices/*/delta/tool_calls/*", "id", "type"),
    ),
    closes=(Close("/choices/*/finish_reason"),),
)

OPENAI_RESPONSES = Dialect(
    name="openai.responses",
    deltas=(
        # All pieces stand in `delta`; the event's type says what they are.
        Delta("/delta"),
        Delta("/delta@response.reasoning_text.delta", REASONING),
        Delta("/delta@response.reasoning_summary_text.delta", REASONING),
        Delta("/delta@response.function_call_arguments.delta", CALL, embedded=True),
        Delta("/delta@response.mcp_call_arguments.delta", CALL, embedded=True),
        Delta("/delta@response.custom_tool_call_input.delta", CALL),
        Delta("/delta@response.code_interpreter_call_code.delta", CALL),
    ),
    wholes=(
        Field("/text", TEXT),
        Field("/refusal", TEXT),
        Field("/transcript", TEXT),
        Field("/arguments", CALL, embedded=True),
        Field("/input", CALL),
        Field("/code", CALL),
        Field("/part/text", TEXT),
        Field("/part/annotations/**", TEXT),
        Field("/annotation/**", TEXT),
        Field("/logprobs/**", DERIVED),
        *openai.responses_output("/item"),
        *openai.responses_output("/response/output/*"),
    ),
    opaque=(
        *below("", "type", "item_id", "call_id", "obfuscation", "response_id"),
        *below("/response", "id", "object", "status", "model", "service_tier", "truncation", "previous_response_id"),
        *below("/response", "text/format/type", "reasoning/effort", "tool_choice", "tools/*/type"),
        *below("/part", "type"),
        *openai.responses_opaque("/item"),
        *openai.responses_opaque("/response/output/*"),
    ),
    closes=(
        Close(
            "/type",
            frozenset(
                f"response.{name}.done"
                for name in (
                    "output_text",
                    "refusal",
                    "reasoning_text",
                    "reasoning_summary_text",
                    "function_call_arguments",
                    "custom_tool_call_input",
                    "mcp_call_arguments",
                    "code_interpreter_call_code",
                    "audio.transcript",
                    "content_part",
                    "output_item",
                )
            )
            | {"response.completed", "response.incomplete", "response.failed", "error"},
        ),
    ),
    numbers=("output_index", "content_index", "summary_index"),
)

ANTHROPIC = Dialect(
    name="anthropic.messages",
    deltas=(
        Delta("/content_block/text"),
        Delta("/content_block/thinking", REASONING),
        Delta("/delta/text"),
        Delta("/delta/thinking", REASONING),
        Delta("/delta/partial_json", CALL, embedded=True),
        Delta("/completion"),
    ),
    wholes=(
        Field("/content_block/input/**", CALL),
        Field("/content_block/name", CALL),
        Field("/content_block/content/**", "request.tool_result"),
        Field("/content_block/content/*/encrypted_content", SEALED),
        Field("/content_block/signature", SEALED),
        Field("/content_block/data", SEALED),
        Field("/delta/signature", SEALED),
        Field("/delta/citation/**", TEXT),
        Field("/delta/citation/encrypted_index", SEALED),
    ),
    opaque=(
        *below("", "type", "stop_reason", "model", "log_id"),
        *below("/message", "id", "type", "role", "model", "stop_reason", "usage/service_tier"),
        *below("/content_block", "type", "id", "tool_use_id"),
        *below("/delta", "type", "stop_reason"),
        *below("/delta/citation", "type"),
    ),
    closes=(Close("/type", frozenset({"content_block_stop", "message_delta", "message_stop", "error"})),),
)

GEMINI = Dialect(
    name="gemini",
    deltas=(Delta("/candidates/*/content/parts/*/text"),),
    wholes=(
        Field("/candidates/*/content/parts/*/functionCall/**", CALL),
        Field("/candidates/*/content/parts/*/inlineData/data", MEDIA),
        Field("/candidates/*/content/parts/*/thoughtSignature", SEALED),
        Field("/candidates/*/content/parts/**", TEXT),
        Field("/candidates/*/groundingMetadata/**", TEXT),
        Field("/candidates/*/citationMetadata/**", TEXT),
    ),
    opaque=(
        *below("", "modelVersion", "responseId", "promptFeedback/blockReason", "usageMetadata/trafficType"),
        *below("/candidates/*", "finishReason", "content/role"),
        *below("/candidates/*/safetyRatings/*", "category", "probability"),
    ),
    closes=(Close("/candidates/*/finishReason"),),
)

# Without `alt=sse`.
GEMINI_LIST = msgspec.structs.replace(GEMINI, framer=ListFramer, media_type="application/json", is_list=True)

BEDROCK_CONVERSE = Dialect(
    name="bedrock.converse",
    framer=EventStreamFramer,
    deltas=(
        Delta("/delta/text"),
        Delta("/delta/reasoningContent/text", REASONING),
        Delta("/delta/toolUse/input", CALL, embedded=True),
    ),
    wholes=(
        Field("/delta/reasoningContent/signature", SEALED),
        Field("/delta/reasoningContent/redactedContent", SEALED),
        Field("/start/toolUse/name", CALL),
    ),
    opaque=(
        *below("", "role", "stopReason", "p", "start/toolUse/toolUseId", "start/toolUse/type"),
        *below("/trace/guardrail", "action"),
    ),
    # The event's own type is put beside its members as `:event-type`.
    closes=(Close("/:event-type", frozenset({"contentBlockStop", "messageStop"})),),
    numbers=("contentBlockIndex",),
    media_type="application/vnd.amazon.eventstream",
)

BEDROCK_INVOKE = Dialect(
    name="bedrock.invoke",
    framer=EventStreamFramer,
    deltas=(
        *ANTHROPIC.deltas,
        Delta("/outputText"),
        Delta("/generation"),
        Delta("/outputs/*/text"),
        Delta("/text"),
        Delta("/contentBlockDelta/delta/text"),
        *OPENAI_CHAT.deltas,
    ),
    wholes=(*ANTHROPIC.wholes, *bedrock.INVOKE_RESPONSE.fields),
    opaque=(
        *ANTHROPIC.opaque,
        *OPENAI_CHAT.opaque,
        *below("", "completionReason", "stop_reason", "event_type", "finish_reason"),
        *below("/outputs/*", "stop_reason"),
    ),
    closes=(
        *ANTHROPIC.closes,
        *OPENAI_CHAT.closes,
        Close("/stop_reason"),
        Close("/completionReason"),
        Close("/finish_reason"),
        Close("/outputs/*/stop_reason"),
    ),
    media_type="application/vnd.amazon.eventstream",
    nested=True,
)

COHERE = Dialect(
    name="cohere.chat",
    deltas=(
        Delta("/text"),
        Delta("/delta/message/content/text"),
        Delta("/delta/message/content/thinking", REASONING),
        Delta("/delta/message/tool_plan", REASONING),
        Delta("/delta/message/tool_calls/function/arguments", CALL, embedded=True),
        Delta("/tool_call_delta/parameters", CALL),
    ),
    wholes=(
        Field("/delta/message/citations/**", TEXT),
        Field("/citations/**", TEXT),
        Field("/delta/message/tool_calls/function/name", CALL),
        Field("/response/text", TEXT),
        Field("/response/**", TEXT),
    ),
    opaque=(
        *below("", "type", "event_type", "id", "generation_id", "finish_reason"),
        *below("/delta", "finish_reason", "message/role", "message/content/type"),
        *below("/delta/message/tool_calls", "id", "type"),
        *below("/response", "response_id", "generation_id", "finish_reason"),
    ),
    closes=(
        Close("/type", frozenset({"content-end", "tool-call-end", "message-end", "tool-call-start"})),
        Close("/event_type", frozenset({"stream-end", "tool-calls-generation"})),
    ),
)

OLLAMA = Dialect(
    name="ollama",
    framer=LineFramer,
    deltas=(
        Delta("/message/content"),
        Delta("/message/thinking", REASONING),
        Delta("/response"),
        Delta("/thinking", REASONING),
    ),
    wholes=(Field("/message/tool_calls/*/function/**", CALL),),
    opaque=below("", "model", "created_at", "done_reason", "message/role"),
    closes=(Close("/done_reason"),),
    media_type="application/x-ndjson",
)

# Every string of an unknown stream may be a piece of a longer one; each place is a text, identifiers aside.
GENERIC = Dialect(
    name="json",
    deltas=(Delta("/**", TEXT),),
    opaque=tuple(
        pattern
        for prefix in ("", "/*", "/*/*", "/*/*/*")
        for pattern in below(prefix, "id", "type", "object", "model", "role", "event", "created_at", "finish_reason")
    ),
    closes=(Close("/choices/*/finish_reason"),),
    other=TEXT,
)
GENERIC_LINES = msgspec.structs.replace(GENERIC, framer=LineFramer, media_type="application/x-ndjson")
# Agents' events are whole messages, judged one by one; pieces of an artifact's text are one text.
A2A = Dialect(
    name="a2a",
    deltas=(Delta("/result/artifact/parts/*/text"),),
    wholes=(Field("/**", TEXT),),
    opaque=below("", "jsonrpc", "id", "result/kind", "result/contextId", "result/taskId", "result/artifact/artifactId"),
    other=TEXT,
)

_DIALECTS = {
    dialect.name: dialect
    for dialect in (
        OPENAI_CHAT, OPENAI_RESPONSES, ANTHROPIC, GEMINI, BEDROCK_CONVERSE, BEDROCK_INVOKE, COHERE, OLLAMA, A2A,
    )
}  # fmt: skip
_DIALECTS["openai.completions"] = OPENAI_CHAT


def dialect_for(schema_name: str, media_type: str, path: str = "") -> Dialect | None:
    """Return how answers in a format stream.

    Args:
        schema_name: the format's name, from its request.
        media_type: the answer's, in lower case and without parameters.
        path: the request's, which says whether a JSON list comes item by item.

    Returns:
        The dialect; None where an answer of this media type is not a stream of events and has to be read whole.
    """
    if media_type == "text/event-stream":
        found = _DIALECTS.get(schema_name, GENERIC)
        return found if found.media_type == media_type else GENERIC
    if media_type in (
        "application/x-ndjson",
        "application/stream+json",
        "application/jsonl",
        "application/x-jsonlines",
    ):
        found = _DIALECTS.get(schema_name, GENERIC_LINES)
        return msgspec.structs.replace(found, framer=LineFramer, media_type="application/x-ndjson")
    if media_type == "application/vnd.amazon.eventstream":
        found = _DIALECTS.get(schema_name, BEDROCK_CONVERSE)
        return found if found.media_type == media_type else BEDROCK_INVOKE
    if media_type == "application/json" and schema_name == "gemini" and ":streamGenerateContent" in path:
        return GEMINI_LIST
    return None
