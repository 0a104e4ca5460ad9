"""Which format a message has: by the path and media type of its request."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import msgspec

from sidecar.core import media
from sidecar.core.fields import REQUEST_ROLES, Field, Schema
from sidecar.core.formats import agents, anthropic, bedrock, cohere, gemini, ollama, openai

__all__ = [
    "FORMATS",
    "JSON_REQUEST",
    "JSON_RESPONSE",
    "REQUEST_ROLES",
    "TEXT_REQUEST",
    "TEXT_RESPONSE",
    "Field",
    "Schema",
    "custom_schema",
    "own_format",
    "request_schema",
    "response_schema",
]

TEXT_REQUEST = Schema(name="text", syntax="text")
TEXT_RESPONSE = Schema(name="text", other="response.text", syntax="text")
JSON_REQUEST = Schema(name="json")
JSON_RESPONSE = Schema(name="json", other="response.text")


class Format(NamedTuple):
    """Requests to paths that end like `path`, and their answers."""

    path: re.Pattern[str]
    request: Schema
    response: Schema


def _format(path: str, request: Schema, response: Schema) -> Format:
    return Format(re.compile(rf"(?:^|/){path}\Z"), request, response)


# The first that fits; a path that fits none gets the generic table, in which every string is a segment.
FORMATS = (
    _format("chat/completions", openai.CHAT_REQUEST, openai.CHAT_RESPONSE),
    _format("responses(?:/[^/]+)?", openai.RESPONSES_REQUEST, openai.RESPONSES_RESPONSE),
    _format("(?:v1/messages|messages/count_tokens)", anthropic.MESSAGES_REQUEST, anthropic.MESSAGES_RESPONSE),
    _format("v1/complete", anthropic.MESSAGES_REQUEST, anthropic.MESSAGES_RESPONSE),
    _format(r"[^/]+:(?:generateContent|streamGenerateContent|countTokens)", gemini.REQUEST, gemini.RESPONSE),
    _format(r"[^/]+:(?:embedContent|batchEmbedContents)", gemini.REQUEST, gemini.RESPONSE),
    _format("model/[^/]+/converse(?:-stream)?", bedrock.CONVERSE_REQUEST, bedrock.CONVERSE_RESPONSE),
    _format("model/[^/]+/(?:invoke|invoke-with-response-stream)", bedrock.INVOKE_REQUEST, bedrock.INVOKE_RESPONSE),
    _format("completions", openai.COMPLETIONS_REQUEST, openai.CHAT_RESPONSE),
    _format("embeddings", openai.EMBEDDINGS_REQUEST, openai.EMBEDDINGS_RESPONSE),
    _format("moderations", openai.MODERATIONS_REQUEST, JSON_RESPONSE),
    _format("images/(?:generations|edits|variations)", openai.IMAGES_REQUEST, openai.IMAGES_RESPONSE),
    _format("audio/(?:speech|transcriptions|translations)", openai.SPEECH_REQUEST, openai.SPEECH_RESPONSE),
    _format("v[12]/(?:chat|generate|embed|rerank)", cohere.REQUEST, cohere.RESPONSE),
    _format("api/(?:chat|generate|embed|embeddings)", ollama.REQUEST, ollama.RESPONSE),
    _format("(?:mcp|mcp/.*)", agents.MCP_REQUEST, agents.MCP_RESPONSE),
    _format("(?:a2a|a2a/.*)", agents.A2A_REQUEST, agents.A2A_RESPONSE),
)
_GENERIC = Format(re.compile(""), JSON_REQUEST, JSON_RESPONSE)


# Paths and media types come from callers; so many are remembered.
_REMEMBERED = 1024


@lru_cache(maxsize=_REMEMBERED)
def request_schema(path: str, content_type: str | None = None) -> Schema:
    """Return the format of requests to a path.

    Args:
        path: the request's path; query and fragment do not count.
        content_type: the header as it came; None where the body is known to be JSON.

    Raises:
        UnsupportedContent: the content type cannot be read, or names a charset other than UTF-8.
    """
    return _written(_find(path).request, content_type)


@lru_cache(maxsize=_REMEMBERED)
def response_schema(path: str, content_type: str | None = None) -> Schema:
    """Return the format of answers from a path; see `request_schema`."""
    return _written(_find(path).response, content_type)


def custom_schema(name: str, *, fields: tuple[Field, ...], opaque: tuple[str, ...], other: str) -> Schema:
    """Return a format that a policy describes by JSON pointer patterns."""
    return Schema(name=name, fields=fields, opaque=opaque, other=other, roles=REQUEST_ROLES)


def own_format(schema: Schema, path: str, direction: str, formats: Sequence[Format]) -> Schema:
    """Return what a policy says about a body of no built-in format; what is built in stays as it is.

    Args:
        schema: by the tables above.
        path: the request's path.
        direction: `request` or `response`.
        formats: those of the policy, in order.
    """
    if not formats or schema.name != _GENERIC.request.name:
        return schema
    found = next((item for item in formats if item.path.match(path.split("?", 1)[0])), None)
    if found is None:
        return schema
    own = found.request if direction == "request" else found.response
    return msgspec.structs.replace(own, syntax=schema.syntax, sniff=schema.sniff, boundary=schema.boundary)


def _find(path: str) -> Format:
    plain = path.split("?", 1)[0].split("#", 1)[0].rstrip("/")
    return next((item for item in FORMATS if item.path.search(plain)), _GENERIC)


def _written(schema: Schema, content_type: str | None) -> Schema:
    if content_type is None:
        return schema
    found = media.parse_content_type(content_type)
    if found.syntax == "json":
        return schema
    return msgspec.structs.replace(schema, syntax=found.syntax, sniff=True, boundary=found.boundary)
