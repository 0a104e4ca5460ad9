"""Anthropic: messages, count_tokens, and the older text completions."""

from __future__ import annotations

from sidecar.core.fields import MEDIA, REQUEST_ROLES, ROLE, SEALED, Field, Schema, below

FIELDS = (
    Field("/system", "request.system"),
    Field("/system/**", "request.system"),
    Field("/prompt", "request.user"),
    Field("/messages/*/content", ROLE),
    Field("/messages/*/content/**", ROLE),
    Field("/messages/*/content/*/source/data", MEDIA),
    Field("/messages/*/content/*/source/content/**", "request.document"),
    Field("/messages/*/content/*/title", "request.document"),
    Field("/messages/*/content/*/context", "request.document"),
    Field("/messages/*/content/*/thinking", "request.assistant"),
    Field("/messages/*/content/*/signature", SEALED),
    Field("/messages/*/content/*/data", SEALED),
    Field("/messages/*/content/*/input/**", "request.tool_call"),
    Field("/messages/*/content/*/name", "request.tool_call"),
    # Only tool results have `content` of their own.
    Field("/messages/*/content/*/content", "request.tool_result"),
    Field("/messages/*/content/*/content/**", "request.tool_result"),
    Field("/messages/*/content/*/content/*/source/data", MEDIA),
    Field("/tools/**", "request.tool_definition"),
    Field("/metadata/**", "request.metadata"),
)

OPAQUE_FIELDS = (
    *below("", "model", "anthropic_version", "service_tier", "thinking/type", "tool_choice/type"),
    *below("/system/*", "type", "cache_control/type", "cache_control/ttl"),
    *below("/messages/*", "role"),
    *below("/messages/*/content/*", "type", "id", "tool_use_id", "cache_control/type", "cache_control/ttl"),
    *below("/messages/*/content/*/source", "type", "media_type"),
    *below("/messages/*/content/*/content/*", "type", "source/type", "source/media_type"),
    *below("/tools/*", "type", "cache_control/type", "input_schema/type", "input_schema/properties/*/type"),
)

MESSAGES_REQUEST = Schema(name="anthropic.messages", fields=FIELDS, opaque=OPAQUE_FIELDS, roles=REQUEST_ROLES)

RESPONSE_FIELDS = (
    Field("/content/*/text", "response.text"),
    Field("/content/*/citations/**", "response.text"),
    Field("/content/*/thinking", "response.reasoning"),
    Field("/content/*/signature", SEALED),
    Field("/content/*/data", SEALED),
    Field("/content/*/input/**", "response.tool_call"),
    Field("/content/*/name", "response.tool_call"),
    Field("/content/*/content/**", "request.tool_result"),
    Field("/content/*/content/*/encrypted_content", SEALED),
    Field("/completion", "response.text"),
)

RESPONSE_OPAQUE = (
    *below("", "id", "type", "role", "model", "stop_reason", "usage/service_tier"),
    *below("/content/*", "type", "id", "tool_use_id"),
)

MESSAGES_RESPONSE = Schema(
    name="anthropic.messages", fields=RESPONSE_FIELDS, other="response.metadata", opaque=RESPONSE_OPAQUE
)
