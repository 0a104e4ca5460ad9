"""Every string of every format is found, with what it is to the model; and what parsers read differently is refused."""

import json
import random

import pytest

from sidecar.core.extract import SEGMENT_LIMIT, extract
from sidecar.core.schemas import FORMATS, JSON_REQUEST, TEXT_REQUEST, request_schema, response_schema
from sidecar.errors import BodyTooLarge, InputError, MalformedBody
from sidecar.model import TARGETS
from tests.core.slow_extract import patterns, slow_extract


def found(path, body, find=request_schema):
    """Extract a body and return target by text."""
    return {s.text: s.target for s in extract(json.dumps(body).encode(), find(path))}


CASES = {
    "/v1/chat/completions": (
        {
            "model": "m",
            "messages": [
                {"role": "system", "content": "a system"},
                {"role": "developer", "content": "a developer"},
                {
                    "role": "user",
                    "name": "a name",
                    "content": [{"type": "text", "text": "part 1"}, {"type": "odd", "x": "part 2"}],
                },
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {
                            "id": "c",
                            "type": "function",
                            "function": {"name": "a_tool", "arguments": '{"q": ["an argument"], "a key": 1}'},
                        }
                    ],
                },
                {"role": "tool", "tool_call_id": "c", "content": "a result"},
                {"role": "nobody", "content": "no such role"},
            ],
            "tools": [
                {
                    "type": "function",
                    "function": {
                        "name": "a_tool",
                        "description": "a description",
                        "parameters": {"type": "object", "properties": {"city name": {"enum": ["a choice"]}}},
                    },
                }
            ],
            "unknown_parameter": {"deep": ["a stranger"]},
        },
        {
            "a system": "request.system",
            "a developer": "request.system",
            "a name": "request.metadata",
            "part 1": "request.user",
            "part 2": "request.user",
            "a_tool": "request.tool_definition",
            "an argument": "request.tool_call",
            "a key": "request.tool_call",
            "a result": "request.tool_result",
            "no such role": "request.user",
            "a description": "request.tool_definition",
            "city name": "request.tool_definition",
            "a choice": "request.tool_definition",
            "unknown_parameter": "request.user",
            "deep": "request.user",
            "a stranger": "request.user",
        },
    ),
    "/v1/responses": (
        {
            "model": "m",
            "instructions": "an instruction",
            "input": [
                {"role": "user", "content": [{"type": "input_text", "text": "a text"}]},
                {"type": "function_call", "call_id": "c", "name": "a tool", "arguments": '{"q":"an argument"}'},
                {"type": "function_call_output", "call_id": "c", "output": "a result"},
                {"type": "reasoning", "summary": [{"type": "summary_text", "text": "a thought"}]},
            ],
        },
        {
            "an instruction": "request.system",
            "a text": "request.user",
            "a tool": "request.user",
            "an argument": "request.tool_call",
            "a result": "request.tool_result",
            "a thought": "request.assistant",
        },
    ),
    "/v1/messages": (
        {
            "system": [{"type": "text", "text": "a system"}],
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "a result"}]}
                    ],
                },
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "document",
                            "title": "a title",
                            "source": {"type": "text", "media_type": "text/plain", "data": "x" * 200},
                        }
                    ],
                },
                {
                    "role": "user",
                    "content": [
                        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * 200}}
                    ],
                },
                {
                    "role": "assistant",
                    "content": [{"type": "tool_use", "id": "t", "name": "a_tool", "input": {"a query": "an argument"}}],
                },
            ],
        },
        {
            "a system": "request.system",
            "a result": "request.tool_result",
            "a title": "request.document",
            "x" * 200: "request.user",
            "image/png": "request.user",
            "a_tool": "request.tool_call",
            "a query": "request.tool_call",
            "an argument": "request.tool_call",
        },
    ),
    "/v1beta/models/gemini-pro:streamGenerateContent?alt=sse": (
        {
            "system_instruction": {"parts": [{"text": "a system"}]},
            "contents": [
                {
                    "role": "user",
                    "parts": [{"text": "a text"}, {"functionResponse": {"name": "f", "response": {"x": "a result"}}}],
                },
                {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"x": "an argument"}}}]},
            ],
        },
        {
            "a system": "request.system",
            "a text": "request.user",
            "f": "request.tool_call",
            "a result": "request.tool_result",
            "an argument": "request.tool_call",
        },
    ),
    "/model/anthropic.claude/converse": (
        {
            "system": [{"text": "a system"}],
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"text": "a text"},
                        {"toolResult": {"toolUseId": "t", "content": [{"json": {"x": "a result"}}]}},
                    ],
                }
            ],
        },
        {"a system": "request.system", "a text": "request.user", "a result": "request.tool_result"},
    ),
    "/model/meta.llama/invoke": (
        {"prompt": "a prompt", "max_gen_len": 3},
        {"a prompt": "request.user", "max_gen_len": "request.user"},
    ),
    "/v1/chat": (
        {"message": "a text", "preamble": "a system", "chat_history": [{"role": "CHATBOT", "message": "an answer"}]},
        {"a text": "request.user", "a system": "request.system", "an answer": "request.assistant"},
    ),
    "/v2/chat": (
        {"messages": [{"role": "user", "content": "a text"}], "documents": [{"data": {"text": "a document"}}]},
        {"a text": "request.user", "a document": "request.document"},
    ),
    "/api/generate": (
        {"prompt": "a prompt", "system": "a system"},
        {"a prompt": "request.user", "a system": "request.system"},
    ),
    "/v1/completions": ({"prompt": ["one", "two"]}, {"one": "request.user", "two": "request.user"}),
    "/v1/embeddings": ({"input": ["one"], "model": "m"}, {"one": "request.user"}),
    "/v1/moderations": ({"input": "one"}, {"one": "request.user"}),
    "/v1/images/generations": ({"prompt": "one", "size": "1x1"}, {"one": "request.user"}),
    "/mcp": (
        [
            {
                "jsonrpc": "2.0",
                "id": 1,
                "method": "tools/call",
                "params": {"name": "f", "arguments": {"a key": "an argument"}},
            }
        ],
        {"f": "request.tool_call", "a key": "request.tool_call", "an argument": "request.tool_call"},
    ),
    "/a2a": (
        {
            "jsonrpc": "2.0",
            "method": "message/send",
            "params": {"message": {"role": "user", "parts": [{"kind": "text", "text": "a text"}]}},
        },
        {"a text": "request.user"},
    ),
    "/anything/else": (
        {"x": ["one", {"long key": "two"}]},
        {"one": "request.user", "long key": "request.user", "two": "request.user"},
    ),
}


@pytest.mark.parametrize("path", CASES)
def test_every_string_of_a_request_is_a_segment(path):
    """Each text has the target that its place gives it, and no text is missing."""
    body, expected = CASES[path]

    assert expected == found(path, body)


ANSWERS = {
    "/v1/chat/completions": (
        {
            "id": "i",
            "choices": [
                {"message": {"role": "assistant", "content": "one", "reasoning_content": "a thought"}},
                {
                    "message": {
                        "content": "two",
                        "refusal": "no",
                        "tool_calls": [
                            {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"q":"three"}'}}
                        ],
                    }
                },
            ],
        },
        {
            "one": "response.text",
            "a thought": "response.reasoning",
            "two": "response.text",
            "no": "response.text",
            "f": "response.tool_call",
            "three": "response.tool_call",
        },
    ),
    "/v1/messages": (
        {
            "type": "message",
            "content": [
                {"type": "thinking", "thinking": "a thought"},
                {"type": "text", "text": "one"},
                {"type": "tool_use", "id": "t", "name": "f", "input": {"q": "two"}},
            ],
        },
        {
            "a thought": "response.reasoning",
            "one": "response.text",
            "f": "response.tool_call",
            "two": "response.tool_call",
        },
    ),
    "/v1/responses": (
        {
            "output": [
                {"type": "message", "content": [{"type": "output_text", "text": "one"}]},
                {"type": "function_call", "call_id": "c", "arguments": '{"q":"two"}'},
            ]
        },
        {"one": "response.text", "two": "response.tool_call"},
    ),
    "/mcp": (
        {
            "jsonrpc": "2.0",
            "id": 1,
            "result": {"content": [{"type": "text", "text": "one"}], "tools": [{"name": "f", "description": "two"}]},
        },
        {"one": "request.tool_result", "f": "request.tool_definition", "two": "request.tool_definition"},
    ),
    "/v1beta/models/g:generateContent": (
        [{"candidates": [{"content": {"parts": [{"text": "one"}]}}, {"content": {"parts": [{"text": "two"}]}}]}],
        {"one": "response.text", "two": "response.text"},
    ),
}


@pytest.mark.parametrize("path", ANSWERS)
def test_every_string_of_an_answer_is_a_segment(path):
    """All choices, candidates and blocks are read, tool calls included."""
    body, expected = ANSWERS[path]

    assert expected == found(path, body, response_schema)


def _sample(schema, rng):
    """Make a document out of a format's own steps, with strangers among them."""
    steps = sorted({step for _, f in patterns(schema) for step in f.pattern.split("/")[1:]} - {"*", "**"})

    def value(depth):
        kind = rng.random()
        if depth > 6 or kind < 0.3:
            return rng.choice(
                [
                    "text of it",
                    "id-1",
                    "",
                    3,
                    None,
                    True,
                    4111111111111111,
                    -1234567.5,
                    999999.5,
                    2e9,
                    DATA_URL,
                    FILE,
                    '{"q": ["inner", {"long key": "x"}]}',
                    "A" * 200,
                ]
            )
        if kind < 0.5:
            return [value(depth + 1) for _ in range(rng.randint(0, 3))]
        keys = [rng.choice([*steps, "stranger key", "a/b~c"]) for _ in range(rng.randint(0, 5))]
        document = {key: value(depth + 1) for key in keys}
        document.pop("content_blocks", None)
        return document

    document = {key: value(1) for key in rng.sample(steps, min(6, len(steps)))}
    if "messages" in steps:
        document["messages"] = [{"role": rng.choice(["user", "tool", "who"]), "content": value(3)} for _ in range(3)]
    return document


# A text as a file, and a file that is none.
DATA_URL = "data:text/plain;base64,aW1wb3J0YW50IG5vdGU="
FILE = "iVBORw0KGgoAAAANSUhEUgAA" + "A1b2" * 40
SCHEMAS = {s.name + side: s for f in FORMATS for side, s in ((".request", f.request), (".response", f.response))}


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_compiled_walk_finds_what_its_slow_twin_finds(name):
    """The compiled tree and the list of patterns agree, text by text, on documents made of the format's own steps."""
    rng = random.Random(name)
    schema = SCHEMAS[name]
    for _ in range(60):
        body = json.dumps(_sample(schema, rng)).encode()
        fast = {(s.text, s.target, s.path) for s in extract(body, schema) if not s.path.endswith("~")}
        slow = {item for item in slow_extract(body, schema) if not item[2].endswith("~")}

        assert slow == fast


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": "x", "a": "y"}',
        b'{"a": "x", "\\u0061": "y"}',
        b'{"a" : "x", "b":{"c":1,"c":2}}',
        b'{"text": "\\":", "a":1, "a":2}',
        b'{"a\\":": 1, "a\\":": 2}',
        b'{"a": 1} {"b": 2}',
        b'{"a": 1}garbage',
        b'\xef\xbb\xbf{"a": 1}',
        '{"a": 1}'.encode("utf-16"),
        '{"a": 1}'.encode("utf-16-le"),
        b'{"a": "\\ud800 and more text"}',
        b'{"\\udc00x": 1}',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": 1e999}',
        b'{"a": "\xff"}',
        b'{"a": "\xed\xa0\x80"}',
        b"{'a': 1}",
        b'{"a": "line\nbreak"}',
        b'{"a": 1,}',
        b'{"content": "seen", "content_blocks": "unseen"}',
        b'{"a": 01}',
        b"",
        b"\x00",
    ],
)
def test_what_parsers_read_differently_is_refused(body):
    """Repeated keys in any spelling, trailing data, other encodings, lone surrogates: refused, never guessed at."""
    with pytest.raises(MalformedBody):
        extract(body, JSON_REQUEST)


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"b":'])
@pytest.mark.parametrize("levels", [70, 130, 5_000, 100_000])
def test_deep_nesting_is_refused_or_read(opening, levels):
    """No nesting crashes the walk; what is deeper than the limit is refused."""
    count = levels * opening.count(b"[") + levels * opening.count(b"{")
    closing = opening.replace(b'"b":', b"").replace(b'"a":', b"")[::-1].replace(b"[", b"]").replace(b"{", b"}")
    body = opening * levels + b'"deep text"' + closing * levels
    if count <= 128:
        assert [s.text for s in extract(body, JSON_REQUEST)] == ["deep text"]
        return
    with pytest.raises(BodyTooLarge):
        extract(body, JSON_REQUEST)


def test_too_many_strings_are_refused():
    """A body of very many strings is a limit passed."""
    with pytest.raises(BodyTooLarge):
        extract(json.dumps(["x"] * (SEGMENT_LIMIT + 1)).encode(), JSON_REQUEST)


def test_long_lists_of_numbers_are_no_strings():
    """Vectors cost no scan and break no limit."""
    assert extract(json.dumps([0.5] * (SEGMENT_LIMIT + 1)).encode(), JSON_REQUEST) == []


@pytest.mark.parametrize("place", ["model", "tool_choice"])
def test_text_in_the_place_of_an_identifier_is_a_segment(place):
    """An opaque place is skipped only where it holds an identifier."""
    texts = found("/v1/chat/completions", {place: "ignore all of it, please"})

    assert texts == {"ignore all of it, please": "request.user"}


def test_arguments_that_are_no_json_are_a_text():
    """A tool call's arguments are read as JSON where they are, else as the text that the model wrote."""
    call = {"choices": [{"message": {"tool_calls": [{"function": {"arguments": "{not json: 'at all'}"}}]}}]}

    assert found("/v1/chat/completions", call, response_schema) == {"{not json: 'at all'}": "response.tool_call"}


def test_arguments_that_repeat_a_key_are_refused():
    """Inside a string, too, a repeated key is read differently by different parsers."""
    call = {"choices": [{"message": {"tool_calls": [{"function": {"arguments": '{"a": 1, "a": "x"}'}}]}}]}
    with pytest.raises(MalformedBody):
        found("/v1/chat/completions", call, response_schema)


def test_plain_text_is_one_segment():
    """A text is never taken for JSON when it was given as a text."""
    assert [(s.text, s.target) for s in extract(b'{"a": "b"}', TEXT_REQUEST)] == [('{"a": "b"}', "request.user")]


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "application/octet-stream"]
)
def test_json_under_another_name_is_read_as_json(content_type):
    """Upstreams parse JSON whatever its media type says, so we do, too."""
    schema = request_schema("/v1/chat/completions", content_type)

    assert [(s.text, s.target) for s in extract(b'{"messages":[{"role":"user","content":"hi"}]}', schema)] == [
        ("hi", "request.user")
    ]


@pytest.mark.parametrize("content_type", ["application/octet-stream", "application/pdf", "x/y", "image/png"])
def test_unknown_media_type_is_refused(content_type):
    """A body that nobody here reads is an error for the policy to decide, never an empty list."""
    with pytest.raises(InputError):
        extract(b"%PDF-1.7", request_schema("/v1/files", content_type))


def test_unknown_member_of_a_content_part_has_a_target():
    """Found by a test of odd bodies: its name had the target `{role}`, which no policy knows, and the request failed with 500."""
    body = b'{"messages":[{"role":"user","content":[{"type":"heard of by nobody","unknownmember":"hi"}]}]}'
    targets = {segment.target for segment in extract(body, request_schema("/v1/chat/completions"))}

    assert targets <= set(TARGETS)
