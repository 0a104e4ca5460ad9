"""The echo upstream: what it says, whole and in pieces."""

import json

from sidecar.gateway.demo import answer_text, completion, completion_chunks


def test_answer_is_the_last_message():
    """As it arrived, so that masking can be seen; parts are joined."""
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]

    assert answer_text({"messages": [{"content": "x"}, {"content": "hello"}]}) == "You said: hello"
    assert answer_text({"messages": [{"content": parts}]}) == "You said: a b"
    assert answer_text([]) == "You said: "


def test_chunks_add_up_to_the_answer():
    """The stream ends with a reason and the marker."""
    request = {"messages": [{"content": "one two three four five"}]}
    *events, last = completion_chunks(request)
    deltas = [json.loads(event[6:])["choices"][0] for event in events]

    text = "".join(delta["delta"].get("content", "") for delta in deltas)
    assert text == completion(request)["choices"][0]["message"]["content"]
    assert (deltas[-1]["finish_reason"], last) == ("stop", b"data: [DONE]\n\n")
