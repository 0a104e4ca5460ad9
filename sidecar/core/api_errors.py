"""Refusals in the error shape of the caller's own API, so that its client raises what its author expects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from sidecar.model import Decision

BLOCKED = "blocked"
# Long lists of rules help nobody and grow with the message.
_RULES_NAMED = 5


class Fault(msgspec.Struct, frozen=True):
    """Why a message is refused.

    Args:
        status: the HTTP status.
        code: a stable word for programs.
        message: a sentence for people; never the text that was inspected.
        rules: ids of the rules that decided, if any did.
        place: JSON pointer to the text that decided, if any did.
        decision_id: names the decision in the audit log.
        retry_after: seconds after which it may be tried again; 0 where waiting does not help.
    """

    status: int
    code: str
    message: str
    rules: tuple[str, ...] = ()
    place: str = ""
    decision_id: str = ""
    retry_after: float = 0.0


def blocked(decision: Decision, *, direction: str, decision_id: str = "") -> Fault:
    """Explain a block: the rules that led to it, and where."""
    deciding = [finding for finding in decision.findings if finding.verdict is decision.verdict]
    rules = tuple(dict.fromkeys(finding.rule for finding in deciding))
    what = "request" if direction == "request" else "answer"
    named = ", ".join(rules[:_RULES_NAMED]) or decision.reason or "policy"
    return Fault(
        status=403,
        code=BLOCKED,
        message=f"The {what} was blocked by the security policy (rule {named}).",
        rules=rules,
        place=deciding[0].segment.path if deciding else "",
        decision_id=decision_id,
    )


def error_body(schema_name: str, fault: Fault) -> bytes:
    """Write a refusal as the API would.

    Args:
        schema_name: the format of the request, such as `openai.chat`; its first word selects the shape.
        fault: why.

    Returns:
        A JSON document in UTF-8.
    """
    shape = _SHAPES.get(schema_name.split(".", 1)[0], _openai)
    return msgspec.json.encode(shape(fault))


def _details(fault: Fault) -> dict[str, Any]:
    details: dict[str, Any] = {}
    if fault.rules:
        details["rules"] = fault.rules[:_RULES_NAMED]
    if fault.decision_id:
        details["decision_id"] = fault.decision_id
    return details


# https://platform.openai.com/docs/guides/error-codes: message, type, code, param; clients keep keys they do not know.
_OPENAI_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "invalid_request_error",
    408: "timeout_error",
    413: "invalid_request_error",
}
_OPENAI_TYPES |= {415: "invalid_request_error", 429: "rate_limit_error"}


def _openai(fault: Fault) -> dict[str, Any]:
    kind = _OPENAI_TYPES.get(fault.status, "server_error")
    error = {"message": fault.message, "type": kind, "code": fault.code, "param": fault.place or None}
    return {"error": error | _details(fault)}


# https://docs.anthropic.com/en/api/errors
_ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    415: "invalid_request_error",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}


def _anthropic(fault: Fault) -> dict[str, Any]:
    kind = _ANTHROPIC_TYPES.get(fault.status, "api_error")
    return {"type": "error", "error": {"type": kind, "message": fault.message, "code": fault.code} | _details(fault)}


# https://cloud.google.com/apis/design/errors: google.rpc.Status with ErrorInfo.
_GOOGLE_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    413: "OUT_OF_RANGE",
    415: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def _gemini(fault: Fault) -> dict[str, Any]:
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": fault.code.upper().replace(".", "_"),
        "domain": "portcullis.local",
        "metadata": {"rules": ",".join(fault.rules[:_RULES_NAMED]), "decision_id": fault.decision_id},
    }
    status = _GOOGLE_STATUS.get(fault.status, "INTERNAL")
    return {"error": {"code": fault.status, "message": fault.message, "status": status, "details": [info]}}


def _message(fault: Fault) -> dict[str, Any]:
    """Bedrock and Cohere: one key `message`."""
    return {"message": fault.message, "code": fault.code} | _details(fault)


def _ollama(fault: Fault) -> dict[str, Any]:
    return {"error": fault.message, "code": fault.code} | _details(fault)


# JSON-RPC 2.0, section 5.1: -32000..-32099 are the server's own; -32700 and -32600 are defined there.
_JSONRPC_CODES = {400: -32700, 413: -32600, 415: -32600}


def _jsonrpc(fault: Fault) -> dict[str, Any]:
    data = {"code": fault.code, "status": fault.status} | _details(fault)
    code = _JSONRPC_CODES.get(fault.status, -32001)
    return {"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": fault.message, "data": data}}


_SHAPES: dict[str, Callable[[Fault], dict[str, Any]]] = {
    "openai": _openai,
    "anthropic": _anthropic,
    "gemini": _gemini,
    "bedrock": _message,
    "cohere": _message,
    "ollama": _ollama,
    "mcp": _jsonrpc,
    "a2a": _jsonrpc,
}
