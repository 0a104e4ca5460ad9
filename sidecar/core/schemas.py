"""Where text lives in each API's messages: tables of patterns, not code per provider."""

from __future__ import annotations

import msgspec


class Field(msgspec.Struct, frozen=True):
    """A place that holds text.

    Args:
        pattern: a JSON pointer; `*` stands for every item of a list and every key of an object.
        target: a target; `{role}` is filled from the nearest enclosing object that has a `role`.
        embedded: whether the string holds JSON of its own, whose strings are the segments.
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
    """

    name: str
    fields: tuple[Field, ...] = ()
    other: str = "request.user"
    opaque: tuple[str, ...] = ()
    roles: tuple[tuple[str, str], ...] = ()


REQUEST_ROLES = (
    ("system", "request.system"),
    ("developer", "request.system"),
    ("user", "request.user"),
    ("assistant", "request.assistant"),
    ("tool", "request.tool_result"),
    ("function", "request.tool_result"),
)

TEXT_REQUEST = Schema(name="text")
TEXT_RESPONSE = Schema(name="text", other="response.text")
JSON_REQUEST = Schema(name="json")
JSON_RESPONSE = Schema(name="json", other="response.text")

OPENAI_CHAT_REQUEST = Schema(
    name="openai.chat",
    fields=(
        Field("/messages/*/content", "{role}"),
        Field("/messages/*/content/*/text", "{role}"),
        Field("/messages/*/content/*/refusal", "{role}"),
        Field("/messages/*/name", "request.metadata"),
        Field("/messages/*/tool_calls/*/function/arguments", "request.tool_call", embedded=True),
        Field("/tools/*/function/description", "request.tool_definition"),
    ),
    opaque=(
        "/model",
        "/messages/*/role",
        "/messages/*/tool_call_id",
        "/messages/*/content/*/type",
        "/messages/*/tool_calls/*/id",
        "/messages/*/tool_calls/*/type",
        "/tools/*/type",
    ),
    roles=REQUEST_ROLES,
)

OPENAI_CHAT_RESPONSE = Schema(
    name="openai.chat",
    fields=(
        Field("/choices/*/message/content", "response.text"),
        Field("/choices/*/message/reasoning_content", "response.reasoning"),
        Field("/choices/*/message/tool_calls/*/function/arguments", "response.tool_call", embedded=True),
    ),
    other="response.metadata",
    opaque=(
        "/id",
        "/object",
        "/model",
        "/system_fingerprint",
        "/service_tier",
        "/choices/*/finish_reason",
        "/choices/*/message/role",
        "/choices/*/message/tool_calls/*/id",
        "/choices/*/message/tool_calls/*/type",
    ),
)

# The first path that is a suffix of the request's path names the format; unknown paths get the generic table.
REQUESTS = {"/chat/completions": OPENAI_CHAT_REQUEST}
RESPONSES = {"/chat/completions": OPENAI_CHAT_RESPONSE}


def request_schema(path: str) -> Schema:
    """Return the format of requests to a path; query and fragment do not count."""
    return _for(path, REQUESTS, JSON_REQUEST)


def response_schema(path: str) -> Schema:
    """Return the format of answers from a path."""
    return _for(path, RESPONSES, JSON_RESPONSE)


def _for(path: str, table: dict[str, Schema], default: Schema) -> Schema:
    plain = path.split("?", 1)[0].split("#", 1)[0].rstrip("/")
    return next((schema for suffix, schema in table.items() if plain.endswith(suffix)), default)
