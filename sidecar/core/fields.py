"""The vocabulary of format tables: which places of a message hold text, and what that text is to the model."""

from __future__ import annotations

import msgspec

# In `Field.target`: filled from the nearest enclosing object that has a `role`.
ROLE = "{role}"
# In `Field.target`: an identifier or enumeration; a text only where it does not look like one.
OPAQUE = ""
# In `Field.target`: a file as base64 or `data:` URL, or an address; a text unless it is a file that holds none.
MEDIA = "{media}"
# In `Field.target`: base64 that only the provider reads (signatures, encrypted reasoning, vectors); else a text.
SEALED = "{sealed}"

# In `Field.target`: says again, in other words, what a text says (token probabilities); gone where that is masked.
DERIVED = "{derived}"


class Field(msgspec.Struct, frozen=True):
    """A place that holds text.

    Args:
        pattern: a JSON pointer; `*` stands for every item of a list and every key of an object, a last `**` for
            everything below.
        target: a target, `ROLE`, `OPAQUE`, `MEDIA`, `SEALED` or `DERIVED`.
        embedded: whether the string may hold JSON of its own, whose strings are the segments.
    """

    pattern: str
    target: str
    embedded: bool = False


class Schema(msgspec.Struct, frozen=True):
    """One message format.

    Args:
        name: how policies and metrics call it.
        fields: the places with a known role; every other string that the message holds is a segment, too.
        other: the target of those other strings.
        opaque: patterns of strings that are not text (identifiers, model names, enumerations).
        roles: the target of each role; a role that is missing here gets `other`.
        syntax: how the body is written: `json`, `ndjson`, `form`, `multipart`, `text` or `unknown`.
        sniff: whether a body that is JSON is read as JSON whatever its media type says, as many upstreams do.
        boundary: what separates the parts of a `multipart` body.
        batch: whether a list of such messages is a message, too (JSON-RPC batches, streamed lists).
        tokens: members of the message that may be lists of token numbers instead of texts; each has a field, too.
    """

    name: str
    fields: tuple[Field, ...] = ()
    other: str = "request.user"
    opaque: tuple[str, ...] = ()
    roles: tuple[tuple[str, str], ...] = ()
    syntax: str = "json"
    sniff: bool = False
    boundary: str = ""
    batch: bool = False
    tokens: tuple[str, ...] = ()


# Times, counts and seeds that APIs send as numbers beside their texts.
NUMBERS = frozenset(
    [
        *("cancelled_at", "completed_at", "created", "created_at", "expires_at", "failed_at", "in_progress_at"),
        *("eval_duration", "latencyMs", "load_duration", "prompt_eval_duration", "total_duration"),
        *("random_seed", "seed"),
    ]
)


def below(prefix: str, *steps: str) -> tuple[str, ...]:
    """Return the patterns of several members of one object."""
    return tuple(f"{prefix}/{step}" for step in steps)


REQUEST_ROLES = (
    ("system", "request.system"),
    ("developer", "request.system"),
    ("user", "request.user"),
    ("assistant", "request.assistant"),
    ("model", "request.assistant"),
    ("tool", "request.tool_result"),
    ("function", "request.tool_result"),
    ("SYSTEM", "request.system"),
    ("USER", "request.user"),
    ("CHATBOT", "request.assistant"),
    ("TOOL", "request.tool_result"),
)

# Keys that APIs and JSON schemas define: names of places, not text. Any other key of an object is a segment.
VOCABULARY = frozenset(
    [
        "$defs",
        "$id",
        "$ref",
        "$schema",
        "action",
        "actions",
        "added_tokens",
        "additionalProperties",
        "additional_model_request_fields",
        "additionalModelRequestFields",
        "allOf",
        "allowed_tools",
        "annotations",
        "anthropic_beta",
        "anthropic_version",
        "anyOf",
        "api_key",
        "args",
        "arguments",
        "artifact",
        "artifacts",
        "attributes",
        "audio",
        "auto",
        "background",
        "bytes",
        "cache_control",
        "call_id",
        "candidate_count",
        "candidateCount",
        "candidates",
        "categories",
        "category_scores",
        "chat_history",
        "choices",
        "citations",
        "citation",
        "content",
        "content_blocks",
        "contents",
        "context",
        "conversation_id",
        "cost",
        "created",
        "created_at",
        "data",
        "default",
        "delta",
        "description",
        "detail",
        "dimensions",
        "display_name",
        "document",
        "documents",
        "done",
        "done_reason",
        "echo",
        "effort",
        "embedding",
        "embeddings",
        "enum",
        "error",
        "eval_count",
        "event",
        "event_type",
        "examples",
        "exclusiveMaximum",
        "exclusiveMinimum",
        "extra_body",
        "file",
        "file_data",
        "file_id",
        "fileData",
        "filename",
        "finishReason",
        "finish_reason",
        "flagged",
        "format",
        "frequency_penalty",
        "function",
        "functionCall",
        "functionCallingConfig",
        "functionDeclarations",
        "functionResponse",
        "function_call",
        "functions",
        "generationConfig",
        "generation_config",
        "guidance",
        "height",
        "id",
        "image",
        "image_url",
        "images",
        "include",
        "incomplete_details",
        "index",
        "inferenceConfig",
        "inlineData",
        "inline_data",
        "input",
        "inputSchema",
        "inputText",
        "input_audio",
        "input_schema",
        "input_text",
        "input_tokens",
        "instructions",
        "integer",
        "items",
        "json",
        "jsonSchema",
        "json_schema",
        "jsonrpc",
        "k",
        "keep_alive",
        "kind",
        "language",
        "latency",
        "load_duration",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "max_output_tokens",
        "max_tokens",
        "max_tokens_to_sample",
        "maxItems",
        "maxLength",
        "maxOutputTokens",
        "maxTokens",
        "maximum",
        "max",
        "message",
        "messages",
        "meta",
        "metadata",
        "method",
        "mime_type",
        "mimeType",
        "media_type",
        "min",
        "minItems",
        "minLength",
        "minimum",
        "mode",
        "model",
        "modelVersion",
        "modalities",
        "moderation",
        "multipleOf",
        "n",
        "name",
        "not",
        "null",
        "number",
        "num_ctx",
        "num_predict",
        "object",
        "oneOf",
        "options",
        "order",
        "outputAudio",
        "output",
        "output_text",
        "output_tokens",
        "p",
        "parallel_tool_calls",
        "parameters",
        "params",
        "part",
        "parts",
        "pattern",
        "performanceConfig",
        "preamble",
        "prediction",
        "presence_penalty",
        "prompt",
        "promptTokenCount",
        "prompt_tokens",
        "properties",
        "quality",
        "query",
        "raw",
        "reasoning",
        "reasoning_content",
        "reasoning_effort",
        "refusal",
        "required",
        "response",
        "responseMimeType",
        "responseModalities",
        "responseSchema",
        "response_format",
        "result",
        "results",
        "revised_prompt",
        "role",
        "safetySettings",
        "safety_identifier",
        "safety_settings",
        "schema",
        "seed",
        "service_tier",
        "size",
        "source",
        "status",
        "stop",
        "stopReason",
        "stopSequences",
        "stop_reason",
        "stop_sequence",
        "stop_sequences",
        "store",
        "stream",
        "stream_options",
        "strict",
        "string",
        "style",
        "suffix",
        "summary",
        "system",
        "systemInstruction",
        "system_fingerprint",
        "system_instruction",
        "task",
        "temperature",
        "template",
        "text",
        "textGenerationConfig",
        "thinking",
        "thinkingConfig",
        "title",
        "token",
        "tokens",
        "tool",
        "toolCallId",
        "toolChoice",
        "toolConfig",
        "toolResult",
        "toolSpec",
        "toolUse",
        "toolUseId",
        "tool_call_id",
        "tool_calls",
        "tool_choice",
        "tool_config",
        "tool_plan",
        "tool_results",
        "tool_use_id",
        "tools",
        "topK",
        "topP",
        "top_k",
        "top_logprobs",
        "top_p",
        "total_tokens",
        "truncate",
        "truncation",
        "type",
        "uniqueItems",
        "uri",
        "url",
        "usage",
        "usageMetadata",
        "user",
        "user_location",
        "value",
        "values",
        "verbosity",
        "version",
        "voice",
        "web_search_options",
        "width",
    ]
)
