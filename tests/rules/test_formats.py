"""Formats that a policy describes: where text stands in APIs that are not built in."""

import json

import pytest

from sidecar.core.extract import extract
from sidecar.core.schemas import own_format, request_schema, response_schema
from sidecar.errors import ConfigError
from sidecar.rules.formats import build_formats
from sidecar.rules.policy import read_policy

POLICY = b"""
schema: 1
name: mine
formats:
  - path: /internal/*
    name: ask
    request:
      fields: {/question: request.user, "/context/**": request.document, /id: identifier, /call: request.tool_call}
      embedded: [/call]
    response: {fields: {/answer: response.text}, other: response.metadata}
"""


def targets(body, schema):
    """Return the target of each text."""
    return {segment.text: segment.target for segment in extract(json.dumps(body).encode(), schema)}


def test_places_are_read_as_the_policy_says():
    """Named places have their target; every other string is read, too."""
    formats = build_formats(read_policy(POLICY, "p").formats)
    request = own_format(request_schema("/internal/ask"), "/internal/ask?x=1", "request", formats)
    response = own_format(response_schema("/internal/ask"), "/internal/ask", "response", formats)
    body = {"id": "abc", "question": "q", "context": [{"text": "c"}], "call": '{"x": "inner"}', "x": "m"}

    assert targets(body, request) == {
        "q": "request.user",
        "c": "request.document",
        "inner": "request.tool_call",
        "m": "request.user",
    }
    assert targets({"answer": "a", "x": "t"}, response) == {"a": "response.text", "t": "response.metadata"}


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/elsewhere"])
def test_other_paths_keep_their_format(path):
    """Built-in formats cannot be weakened, and what is not described stays generic."""
    formats = build_formats(read_policy(POLICY.replace(b"/internal/*", b"/v1/*"), "p").formats)

    assert own_format(request_schema(path), path, "request", formats) is request_schema(path)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ((b"request.document", b"request.nobody"), "unknown target `request.nobody`"),
        ((b"/question:", b"question:"), "matching"),
        ((b"other: response.metadata", b"other: nowhere"), "unknown target `nowhere`"),
        ((b"name: ask", b"nome: ask"), "nome"),
    ],
)
def test_mistakes_are_named(change, says):
    """Unknown targets and keys, and pointers that are none, are refused with their line."""
    with pytest.raises(ConfigError, match=says):
        read_policy(POLICY.replace(*change), "p")
