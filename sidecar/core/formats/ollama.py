"""Ollama: chat, generate, embed."""

from __future__ import annotations

from sidecar.core.fields import MEDIA, REQUEST_ROLES, ROLE, Field, Schema, below

REQUEST = Schema(
    name="ollama",
    fields=(
        Field("/prompt", "request.user"),
        Field("/suffix", "request.user"),
        Field("/input", "request.user"),
        Field("/system", "request.system"),
        Field("/template", "request.system"),
        Field("/images/*", MEDIA),
        Field("/messages/*/content", ROLE),
        Field("/messages/*/thinking", "request.assistant"),
        Field("/messages/*/images/*", MEDIA),
        Field("/messages/*/tool_calls/*/function/**", "request.tool_call"),
        Field("/tools/**", "request.tool_definition"),
        Field("/format/**", "request.tool_definition"),
    ),
    opaque=(*below("", "model", "keep_alive", "format", "messages/*/role", "tools/*/type"),),
    roles=REQUEST_ROLES,
)

RESPONSE = Schema(
    name="ollama",
    fields=(
        Field("/message/content", "response.text"),
        Field("/message/thinking", "response.reasoning"),
        Field("/message/tool_calls/*/function/**", "response.tool_call"),
        Field("/response", "response.text"),
        Field("/thinking", "response.reasoning"),
    ),
    other="response.metadata",
    opaque=below("", "model", "created_at", "done_reason", "message/role"),
)
