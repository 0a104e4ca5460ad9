"""Google Gemini: generateContent and its relatives; both spellings of every name are read, as the API reads both."""

from __future__ import annotations

from sidecar.core.fields import MEDIA, REQUEST_ROLES, ROLE, SEALED, Field, Schema, below


def _parts(prefix: str, target: str) -> tuple[Field, ...]:
    return (
        Field(f"{prefix}/parts/**", target),
        Field(f"{prefix}/parts/*/text", target),
        *(
            field
            for call, result, media in (
                ("functionCall", "functionResponse", "inlineData"),
                ("function_call", "function_response", "inline_data"),
            )
            for field in (
                Field(
                    f"{prefix}/parts/*/{call}/**",
                    target.split(".", maxsplit=1)[0].replace("{role}", "request") + ".tool_call",
                ),
                Field(f"{prefix}/parts/*/{result}/**", "request.tool_result"),
                Field(f"{prefix}/parts/*/{media}/data", MEDIA),
            )
        ),
        Field(f"{prefix}/parts/*/thoughtSignature", SEALED),
        Field(f"{prefix}/parts/*/thought_signature", SEALED),
    )


_INSTRUCTIONS = tuple(
    field
    for name in ("systemInstruction", "system_instruction")
    for field in (Field(f"/{name}/**", "request.system"), Field(f"/{name}/role", ""))
)

REQUEST = Schema(
    name="gemini",
    fields=(
        *_parts("/contents/*", ROLE),
        *_parts("/content", ROLE),
        *_parts("/requests/*/content", ROLE),
        *_INSTRUCTIONS,
        Field("/tools/**", "request.tool_definition"),
        Field("/generationConfig/responseSchema/**", "request.tool_definition"),
        Field("/generationConfig/responseJsonSchema/**", "request.tool_definition"),
        Field("/labels/**", "request.metadata"),
    ),
    opaque=(
        *below("", "model", "cachedContent", "contents/*/role", "content/role", "taskType"),
        *below("/generationConfig", "responseMimeType", "responseModalities/*"),
        *below("/safetySettings/*", "category", "threshold"),
        *below("/contents/*/parts/*", "inlineData/mimeType", "inline_data/mime_type"),
    ),
    roles=REQUEST_ROLES,
)

RESPONSE_FIELDS = (
    *_parts("/candidates/*/content", "response.text"),
    Field("/candidates/*/groundingMetadata/**", "response.text"),
    Field("/candidates/*/citationMetadata/**", "response.text"),
)

RESPONSE_OPAQUE = (
    *below("", "modelVersion", "responseId", "promptFeedback/blockReason"),
    *below("/candidates/*", "finishReason", "content/role"),
    *below("/candidates/*/safetyRatings/*", "category", "probability"),
)

# Without `alt=sse`, a streamed answer is a list of answers.
RESPONSE = Schema("gemini", RESPONSE_FIELDS, "response.metadata", RESPONSE_OPAQUE, batch=True)
