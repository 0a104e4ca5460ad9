"""Agent protocols over JSON-RPC: MCP (Model Context Protocol) and A2A.

A target says what a text is to the model, whichever way it travels: a tool's result is `request.tool_result`
although it stands in an HTTP answer, because it is on its way into a model.
"""

from __future__ import annotations

from sidecar.core.fields import MEDIA, REQUEST_ROLES, ROLE, Field, Schema, below

_RPC_OPAQUE = below("", "jsonrpc", "id", "method")


_MCP = (
    # Calls: what a model asks a tool to do, and what the tool answers.
    Field("/params/arguments/**", "request.tool_call"),
    Field("/result/content/**", "request.tool_result"),
    Field("/result/content/*/data", MEDIA),
    Field("/result/structuredContent/**", "request.tool_result"),
    # Lists: what a model is told about tools, prompts and resources.
    Field("/result/tools/**", "request.tool_definition"),
    Field("/result/prompts/**", "request.tool_definition"),
    Field("/result/resources/**", "request.tool_definition"),
    Field("/result/resourceTemplates/**", "request.tool_definition"),
    Field("/result/instructions", "request.tool_definition"),
    Field("/result/description", "request.tool_definition"),
    Field("/result/messages/*/content/**", ROLE),
    Field("/result/messages/*/content/data", MEDIA),
    Field("/result/contents/**", "request.document"),
    Field("/result/contents/*/blob", MEDIA),
    Field("/result/completion/values/*", "request.metadata"),
    # Sampling and elicitation: the server asks the client's model or user.
    Field("/params/messages/*/content/**", ROLE),
    Field("/params/messages/*/content/data", MEDIA),
    Field("/params/systemPrompt", "request.system"),
    Field("/params/message", "request.tool_result"),
    Field("/params/data/**", "request.tool_result"),
    Field("/error/message", "request.tool_result"),
    Field("/error/data/**", "request.tool_result"),
)
_MCP_OPAQUE = (
    *_RPC_OPAQUE,
    *below("/params", "protocolVersion", "level", "cursor", "messages/*/role", "messages/*/content/type"),
    *below("/result", "protocolVersion", "nextCursor", "content/*/type", "content/*/mimeType", "role"),
    *below("/result", "messages/*/role", "messages/*/content/type", "contents/*/mimeType", "model", "stopReason"),
    *below("/result/tools/*", "inputSchema/type", "inputSchema/properties/*/type"),
)

MCP_REQUEST = Schema("mcp", _MCP, "request.tool_call", _MCP_OPAQUE, REQUEST_ROLES, batch=True)
MCP_RESPONSE = Schema("mcp", _MCP, "request.tool_result", _MCP_OPAQUE, REQUEST_ROLES, batch=True)


def _a2a(prefix: str, target: str) -> tuple[Field, ...]:
    return (
        Field(f"{prefix}/parts/**", target),
        Field(f"{prefix}/parts/*/file/bytes", MEDIA),
        Field(f"{prefix}/metadata/**", target),
    )


_A2A_OPAQUE = (
    *_RPC_OPAQUE,
    *below("/params", "id", "message/role", "message/kind", "message/messageId", "message/taskId", "message/contextId"),
    *below("/result", "id", "kind", "contextId", "taskId", "status/state", "status/timestamp", "role", "messageId"),
    *below("/result", "artifact/artifactId", "artifacts/*/artifactId"),
    *below("/params/message/parts/*", "kind", "type"),
    *below("/result/parts/*", "kind", "type"),
    *below("/result/status/message", "role", "kind", "messageId", "parts/*/kind"),
    *below("/result/artifacts/*/parts/*", "kind", "type"),
    *below("/result/artifact/parts/*", "kind", "type"),
)

_A2A_ANSWERS = ("/result", "/result/status/message", "/result/artifacts/*", "/result/artifact", "/result/history/*")

A2A_REQUEST = Schema("a2a", _a2a("/params/message", "request.user"), "request.user", _A2A_OPAQUE, batch=True)
A2A_RESPONSE = Schema(
    "a2a",
    tuple(field for prefix in _A2A_ANSWERS for field in _a2a(prefix, "response.text")),
    "response.text",
    _A2A_OPAQUE,
    batch=True,
)
