"""Usage in every API's words, whole and streamed, in every chunking."""

import json

import pytest

from sidecar.core.gatekeeper import Usage
from sidecar.core.usage import UNREAD, Asked, UsageMeter, read_request, read_usage

ANSWERS = [
    ({"model": "m", "usage": {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}}, Usage("m", 3, 5)),
    ({"model": "m", "usage": {"input_tokens": 3, "output_tokens": 5}}, Usage("m", 3, 5)),
    ({"usage": {"inputTokens": 3, "outputTokens": 5}}, Usage("", 3, 5)),
    ({"usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 5}}, Usage("", 3, 5)),
    ({"model": "m", "prompt_eval_count": 3, "eval_count": 5, "done": True}, Usage("m", 3, 5)),
    (
        {"type": "message-end", "delta": {"usage": {"tokens": {"input_tokens": 3.0, "output_tokens": 5.0}}}},
        Usage("", 3, 5),
    ),
    ({"type": "response.completed", "response": {"model": "m", "usage": {"input_tokens": 3}}}, Usage("m", 3, 0)),
]


@pytest.mark.parametrize(("answer", "expected"), ANSWERS)
def test_usage_of_each_api(answer, expected):
    """The same numbers, whatever they are called."""
    assert expected == read_usage(json.dumps(answer).encode())


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"usage": 3}', b'{"choices": []}', b"\xff", b"[" * 99_999])
def test_answer_that_says_nothing(body):
    """No usage is no error."""
    assert read_usage(body) is None


STREAM = (
    b'event: message_start\ndata: {"type":"message_start","message":{"model":"m","usage":{"input_tokens":7,"output_tokens":1}}}\n\n'
    b'data: {"type":"content_block_delta","delta":{"text":"usage is fun"}}\r\n\r\n'
    b'data: {"type":"message_delta","usage":{"output_tokens":42}}\n\ndata: [DONE]\n\n'
)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, 10_000])
def test_streamed_usage_in_every_chunking(size):
    """Chunk boundaries do not matter."""
    meter = UsageMeter(is_streamed=True)
    for start in range(0, len(STREAM), size):
        meter.receive(STREAM[start : start + size])

    assert Usage("m", 7, 42) == meter.finish()


def test_endless_line_is_not_kept():
    """Memory stays bounded, and what follows is still read."""
    meter = UsageMeter(is_streamed=True)
    for _ in range(100):
        meter.receive(b"x" * 10_000)
    kept = len(meter._line)
    meter.receive(b'\ndata: {"usage":{"prompt_tokens":1,"completion_tokens":2}}')

    assert (0, Usage("", 1, 2)) == (kept, meter.finish())


@pytest.mark.parametrize(
    ("body", "path", "expected"),
    [
        (b'{"model":"m","messages":[{},{}]}', "/v1/chat/completions", Asked("m", 2)),
        (b'{"contents":[{}]}', "/v1beta/models/gem-1:generateContent", Asked("gem-1", 1)),
        (b'{"messages":[]}', "/model/claude/converse", Asked("claude", 0)),
        (b"", "/v1/models/gem-1", Asked("gem-1")),
        (b'{"messages":[{}]}', "/v1/chat/completions", Asked("", 1)),
        (b'{"model":"models/gem-1"}', "/v1beta/models/gem-1:generateContent", Asked("gem-1")),
        # What is odd beside the model does not hide it; what nobody can read, or what is named twice, could be any.
        (b'{"model":"m","messages":5,"contents":{}}', "/v1/chat/completions", Asked("m")),
        (b'{"model":"cheap"}', "/v1beta/models/dear:generateContent", Asked(UNREAD)),
        (b'{"model":["m"]}', "/v1/x", Asked(UNREAD)),
        (b"[]", "/v1/x", Asked(UNREAD)),
        (b"not json", "/v1/x", Asked(UNREAD)),
    ],
)
def test_what_a_request_asks_for(body, path, expected):
    """Model and messages, from body or path."""
    assert expected == read_request(body, path)
