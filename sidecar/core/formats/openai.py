"""OpenAI: chat completions, responses, completions, embeddings, moderations, images, audio."""

from __future__ import annotations

from sidecar.core.fields import DERIVED, MEDIA, OPAQUE, REQUEST_ROLES, ROLE, SEALED, Field, Schema, below

_TOOL = "request.tool_definition"

CHAT_REQUEST = Schema(
    name="openai.chat",
    fields=(
        Field("/messages/*/content", ROLE),
        Field("/messages/*/content/**", ROLE),
        Field("/messages/*/content/*/image_url/url", MEDIA),
        Field("/messages/*/content/*/input_audio/data", MEDIA),
        Field("/messages/*/content/*/file/file_data", MEDIA),
        Field("/messages/*/refusal", "request.assistant"),
        Field("/messages/*/reasoning", "request.assistant"),
        Field("/messages/*/reasoning_content", "request.assistant"),
        Field("/messages/*/name", "request.metadata"),
        Field("/messages/*/tool_calls/*/function/name", "request.tool_call"),
        Field("/messages/*/tool_calls/*/function/arguments", "request.tool_call", embedded=True),
        Field("/messages/*/tool_calls/*/custom/input", "request.tool_call"),
        Field("/messages/*/function_call/arguments", "request.tool_call", embedded=True),
        Field("/tools/**", _TOOL),
        Field("/functions/**", _TOOL),
        Field("/response_format/**", _TOOL),
        Field("/prediction/content", "request.document"),
        Field("/user", "request.metadata"),
        Field("/safety_identifier", "request.metadata"),
        Field("/metadata/**", "request.metadata"),
    ),
    opaque=(
        "/model",
        "/reasoning_effort",
        "/service_tier",
        "/tool_choice",
        "/tool_choice/type",
        "/response_format/type",
        *below("/messages/*", "role", "tool_call_id"),
        *below("/messages/*/content/*", "type", "cache_control/type", "image_url/detail", "input_audio/format"),
        *below("/messages/*/tool_calls/*", "id", "type"),
        *below("/tools/*", "type", "function/parameters/type", "function/parameters/properties/*/type"),
    ),
    roles=REQUEST_ROLES,
)

CHAT_RESPONSE = Schema(
    name="openai.chat",
    fields=(
        Field("/choices/*/message/content", "response.text"),
        Field("/choices/*/message/content/**", "response.text"),
        Field("/choices/*/message/refusal", "response.text"),
        Field("/choices/*/message/reasoning", "response.reasoning"),
        Field("/choices/*/message/reasoning_content", "response.reasoning"),
        Field("/choices/*/message/audio/transcript", "response.text"),
        Field("/choices/*/message/audio/data", MEDIA),
        Field("/choices/*/message/annotations/**", "response.text"),
        Field("/choices/*/message/tool_calls/*/function/name", "response.tool_call"),
        Field("/choices/*/message/tool_calls/*/function/arguments", "response.tool_call", embedded=True),
        Field("/choices/*/message/tool_calls/*/custom/input", "response.tool_call"),
        Field("/choices/*/message/function_call/arguments", "response.tool_call", embedded=True),
        Field("/choices/*/logprobs/**", DERIVED),
        Field("/choices/*/text", "response.text"),
    ),
    other="response.metadata",
    opaque=(
        *below("", "id", "object", "model", "system_fingerprint", "service_tier"),
        *below("/choices/*", "finish_reason", "message/role"),
        *below("/choices/*/message/content/*", "type"),
        *below("/choices/*/message/tool_calls/*", "id", "type"),
    ),
)

COMPLETIONS_REQUEST = Schema(
    name="openai.completions",
    fields=(Field("/prompt", "request.user"), Field("/suffix", "request.user"), Field("/user", "request.metadata")),
    opaque=("/model",),
    tokens=("prompt",),
)

EMBEDDINGS_REQUEST = Schema(
    name="openai.embeddings",
    fields=(Field("/input", "request.user"), Field("/user", "request.metadata")),
    opaque=("/model", "/encoding_format"),
    tokens=("input",),
)

EMBEDDINGS_RESPONSE = Schema(
    name="openai.embeddings",
    fields=(Field("/data/*/embedding", SEALED),),
    other="response.metadata",
    opaque=(*below("", "object", "model", "id"), "/data/*/object"),
)

MODERATIONS_REQUEST = Schema(
    name="openai.moderations",
    fields=(
        Field("/input", "request.user"),
        Field("/input/*/text", "request.user"),
        Field("/input/*/image_url/url", MEDIA),
    ),
    opaque=("/model", "/input/*/type"),
)

IMAGES_REQUEST = Schema(
    name="openai.images",
    fields=(
        Field("/prompt", "request.user"),
        Field("/image", MEDIA),
        Field("/mask", MEDIA),
        Field("/user", "request.metadata"),
    ),
    opaque=below(
        "", "model", "size", "quality", "style", "response_format", "output_format", "background", "moderation"
    ),
)

IMAGES_RESPONSE = Schema(
    name="openai.images",
    fields=(
        Field("/data/*/b64_json", MEDIA),
        Field("/data/*/url", OPAQUE),
        Field("/data/*/revised_prompt", "response.text"),
    ),
    other="response.metadata",
)

SPEECH_REQUEST = Schema(
    name="openai.audio",
    fields=(
        Field("/input", "request.user"),
        Field("/instructions", "request.system"),
        Field("/prompt", "request.user"),
    ),
    opaque=below("", "model", "voice", "response_format", "language", "stream_format"),
)

SPEECH_RESPONSE = Schema(name="openai.audio", other="response.text", opaque=("/language", "/task"))

RESPONSES_REQUEST = Schema(
    name="openai.responses",
    fields=(
        Field("/instructions", "request.system"),
        Field("/input", "request.user"),
        Field("/input/*/content", ROLE),
        Field("/input/*/content/**", ROLE),
        Field("/input/*/content/*/image_url", MEDIA),
        Field("/input/*/content/*/file_data", MEDIA),
        Field("/input/*/arguments", "request.tool_call", embedded=True),
        Field("/input/*/input", "request.tool_call"),
        Field("/input/*/action/**", "request.tool_call"),
        Field("/input/*/output", "request.tool_result"),
        Field("/input/*/output/**", "request.tool_result"),
        Field("/input/*/output/image_url", MEDIA),
        Field("/input/*/results/**", "request.document"),
        Field("/input/*/summary/**", "request.assistant"),
        Field("/input/*/encrypted_content", SEALED),
        Field("/prompt/variables/**", "request.user"),
        Field("/tools/**", _TOOL),
        Field("/text/format/**", _TOOL),
        Field("/user", "request.metadata"),
        Field("/safety_identifier", "request.metadata"),
        Field("/metadata/**", "request.metadata"),
    ),
    opaque=(
        *below("", "model", "previous_response_id", "service_tier", "truncation", "include/*", "prompt_cache_key"),
        *below("", "reasoning/effort", "reasoning/summary", "text/format/type", "text/verbosity", "tool_choice"),
        *below("", "tool_choice/type", "prompt/id", "conversation", "conversation/id"),
        *below("/input/*", "type", "role", "id", "call_id", "status"),
        *below("/input/*/content/*", "type", "file_id", "detail"),
        *below("/input/*/summary/*", "type"),
        *below("/input/*/output/*", "type"),
        *below("/tools/*", "type", "parameters/type", "parameters/properties/*/type"),
    ),
    roles=REQUEST_ROLES,
)


def responses_output(prefix: str) -> tuple[Field, ...]:
    """Return the places of one list of output items, for answers and for the events that repeat them."""
    return (
        Field(f"{prefix}/content/**", "response.text"),
        Field(f"{prefix}/content/*/logprobs/**", DERIVED),
        Field(f"{prefix}/summary/**", "response.reasoning"),
        Field(f"{prefix}/encrypted_content", SEALED),
        Field(f"{prefix}/arguments", "response.tool_call", embedded=True),
        Field(f"{prefix}/input", "response.tool_call"),
        Field(f"{prefix}/action/**", "response.tool_call"),
        Field(f"{prefix}/code", "response.tool_call"),
        Field(f"{prefix}/output", "request.tool_result"),
        Field(f"{prefix}/output/**", "request.tool_result"),
        Field(f"{prefix}/results/**", "request.document"),
        Field(f"{prefix}/result", MEDIA),
    )


def responses_opaque(prefix: str) -> tuple[str, ...]:
    """Return the identifiers of one output item."""
    return (
        *below(prefix, "type", "id", "call_id", "status", "role"),
        *below(f"{prefix}/content/*", "type"),
        *below(f"{prefix}/summary/*", "type"),
    )


RESPONSES_RESPONSE = Schema(
    name="openai.responses",
    fields=(
        *responses_output("/output/*"),
        Field("/output_text", "response.text"),
        Field("/tools/**", "response.metadata"),
    ),
    other="response.metadata",
    opaque=(
        *below("", "id", "object", "model", "status", "service_tier", "truncation", "previous_response_id"),
        *below("", "text/format/type", "reasoning/effort", "tool_choice", "tools/*/type"),
        *responses_opaque("/output/*"),
    ),
)
