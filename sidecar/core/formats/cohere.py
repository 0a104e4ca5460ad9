"""Cohere: chat v1 and v2, generate, embed and rerank."""

from __future__ import annotations

from sidecar.core.fields import MEDIA, REQUEST_ROLES, ROLE, Field, Schema, below

REQUEST = Schema(
    name="cohere.chat",
    fields=(
        Field("/message", "request.user"),
        Field("/prompt", "request.user"),
        Field("/query", "request.user"),
        Field("/preamble", "request.system"),
        Field("/chat_history/*/message", ROLE),
        Field("/chat_history/*/text", ROLE),
        Field("/messages/*/content", ROLE),
        Field("/messages/*/content/**", ROLE),
        Field("/messages/*/content/*/image_url/url", MEDIA),
        Field("/messages/*/tool_plan", "request.assistant"),
        Field("/messages/*/tool_calls/*/function/name", "request.tool_call"),
        Field("/messages/*/tool_calls/*/function/arguments", "request.tool_call", embedded=True),
        Field("/documents/**", "request.document"),
        Field("/texts/*", "request.user"),
        Field("/images/*", MEDIA),
        Field("/tools/**", "request.tool_definition"),
        Field("/tool_results/**", "request.tool_result"),
        Field("/response_format/**", "request.tool_definition"),
    ),
    opaque=(
        *below("", "model", "conversation_id", "prompt_truncation", "citation_quality", "safety_mode", "input_type"),
        *below("", "embedding_types/*", "truncate", "citation_options/mode", "response_format/type"),
        *below("/messages/*", "role", "tool_call_id", "content/*/type", "tool_calls/*/id", "tool_calls/*/type"),
        *below("/chat_history/*", "role"),
        "/tools/*/type",
    ),
    roles=REQUEST_ROLES,
)

RESPONSE = Schema(
    name="cohere.chat",
    fields=(
        Field("/text", "response.text"),
        Field("/message/content/**", "response.text"),
        Field("/message/content/*/thinking", "response.reasoning"),
        Field("/message/tool_plan", "response.reasoning"),
        Field("/message/tool_calls/*/function/name", "response.tool_call"),
        Field("/message/tool_calls/*/function/arguments", "response.tool_call", embedded=True),
        Field("/message/citations/**", "response.text"),
        Field("/citations/**", "response.text"),
        Field("/documents/**", "request.document"),
        Field("/generations/*/text", "response.text"),
        Field("/tool_calls/**", "response.tool_call"),
        Field("/chat_history/**", "response.text"),
    ),
    other="response.metadata",
    opaque=(
        *below("", "id", "generation_id", "response_id", "finish_reason", "message/role"),
        *below("/message", "content/*/type", "tool_calls/*/id", "tool_calls/*/type"),
    ),
)
