"""Paths name formats, whatever stands around them."""

import pytest

from sidecar.core.extract import compile_schema
from sidecar.core.fields import DERIVED, MEDIA, OPAQUE, ROLE, SEALED
from sidecar.core.schemas import FORMATS, custom_schema, request_schema, response_schema
from sidecar.model import TARGETS


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/chat/completions", "openai.chat"),
        ("/openai/deployments/d/chat/completions?api-version=1", "openai.chat"),
        ("/v1/chat/completions/", "openai.chat"),
        ("/v1/responses", "openai.responses"),
        ("/v1/completions", "openai.completions"),
        ("/v1/messages", "anthropic.messages"),
        ("/v1/messages/count_tokens", "anthropic.messages"),
        ("/v1beta/models/gemini-2:streamGenerateContent?alt=sse", "gemini"),
        ("/v1/projects/p/models/g:generateContent", "gemini"),
        ("/model/anthropic.claude-v2%3A1/converse-stream", "bedrock.converse"),
        ("/model/x/invoke-with-response-stream", "bedrock.invoke"),
        ("/v2/chat", "cohere.chat"),
        ("/api/chat", "ollama"),
        ("/mcp", "mcp"),
        ("/a2a/agent", "a2a"),
        ("/v1/embeddings", "openai.embeddings"),
        ("/v1/nochat/completionsx", "json"),
        ("/", "json"),
        ("", "json"),
    ],
)
def test_path_names_the_format(path, name):
    """The end of the path counts; an unknown one gets the generic table."""
    assert name == request_schema(path).name


def test_tables_name_known_targets_only():
    """Every table speaks the closed set of targets, and compiles."""
    for item in FORMATS:
        for schema in (item.request, item.response):
            compile_schema(schema)
            targets = (
                {field.target for field in schema.fields} | {schema.other} | {target for _, target in schema.roles}
            )

            assert set() == targets - {*TARGETS, DERIVED, MEDIA, OPAQUE, ROLE, SEALED}, schema.name


def test_answers_have_targets_of_answers():
    """What a model says is `response.*`; only agent protocols and tool results on their way into a model are not."""
    for item in FORMATS:
        if item.response.name != "mcp":
            assert item.response.other.startswith("response."), item.response.name


def test_custom_schema_keeps_the_roles():
    """A format from a policy knows the usual roles."""
    schema = custom_schema("mine", fields=(), opaque=("/id",), other="request.user")

    assert (schema.name, dict(schema.roles)["system"]) == ("mine", "request.system")


def test_media_type_selects_the_syntax():
    """The same table serves JSON lines, forms and text."""
    assert [
        response_schema("/x", kind).syntax for kind in ("", "application/x-ndjson", "application/x-www-form-urlencoded")
    ] == ["json", "ndjson", "form"]
