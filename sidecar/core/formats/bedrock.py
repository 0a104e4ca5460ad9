"""Amazon Bedrock: converse, and invoke, whose body is in the format of whichever provider made the model."""

from __future__ import annotations

from sidecar.core.fields import MEDIA, REQUEST_ROLES, ROLE, SEALED, Field, Schema, below
from sidecar.core.formats import anthropic

CONVERSE_REQUEST = Schema(
    name="bedrock.converse",
    fields=(
        Field("/system/**", "request.system"),
        Field("/messages/*/content/**", ROLE),
        Field("/messages/*/content/*/toolUse/input/**", "request.tool_call"),
        Field("/messages/*/content/*/toolResult/content/**", "request.tool_result"),
        Field("/messages/*/content/*/reasoningContent/**", "request.assistant"),
        Field("/messages/*/content/*/reasoningContent/reasoningText/signature", SEALED),
        *(
            Field(f"/messages/*/content/*/{kind}/source/bytes", MEDIA)
            for kind in ("image", "video", "document", "audio")
        ),
        Field("/toolConfig/**", "request.tool_definition"),
        Field("/promptVariables/**", "request.user"),
        Field("/requestMetadata/**", "request.metadata"),
    ),
    opaque=(
        *below("/messages/*", "role"),
        *below("/messages/*/content/*", "toolUse/toolUseId", "toolResult/toolUseId", "toolResult/status"),
        *below("/messages/*/content/*", "image/format", "document/format", "cachePoint/type"),
        *below("/guardrailConfig", "guardrailIdentifier", "guardrailVersion", "trace"),
    ),
    roles=REQUEST_ROLES,
)

CONVERSE_RESPONSE = Schema(
    name="bedrock.converse",
    fields=(
        Field("/output/message/content/**", "response.text"),
        Field("/output/message/content/*/toolUse/**", "response.tool_call"),
        Field("/output/message/content/*/reasoningContent/**", "response.reasoning"),
        Field("/output/message/content/*/reasoningContent/reasoningText/signature", SEALED),
        Field("/output/message/content/*/reasoningContent/redactedContent", SEALED),
    ),
    other="response.metadata",
    opaque=("/stopReason", "/output/message/role", "/output/message/content/*/toolUse/toolUseId"),
)

# Anthropic, Titan, Llama, Mistral, Cohere, Nova and AI21 in one table: their names do not collide.
INVOKE_REQUEST = Schema(
    name="bedrock.invoke",
    fields=(
        *anthropic.FIELDS,
        Field("/inputText", "request.user"),
        Field("/inputText/**", "request.user"),
        Field("/message", "request.user"),
        Field("/preamble", "request.system"),
        Field("/documents/**", "request.document"),
        Field("/texts/*", "request.user"),
        Field("/inputImage", MEDIA),
    ),
    opaque=(*anthropic.OPAQUE_FIELDS, "/taskType", "/schemaVersion"),
    roles=REQUEST_ROLES,
)

INVOKE_RESPONSE = Schema(
    name="bedrock.invoke",
    fields=(
        *anthropic.RESPONSE_FIELDS,
        Field("/results/*/outputText", "response.text"),
        Field("/generation", "response.text"),
        Field("/generations/*/text", "response.text"),
        Field("/outputs/*/text", "response.text"),
        Field("/outputText", "response.text"),
        Field("/text", "response.text"),
        Field("/choices/*/message/content", "response.text"),
        Field("/output/message/content/**", "response.text"),
        Field("/images/*", MEDIA),
    ),
    other="response.metadata",
    opaque=(*anthropic.RESPONSE_OPAQUE, "/results/*/completionReason"),
)
