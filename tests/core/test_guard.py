"""Streamed answers of every dialect: masked and stopped in mid-stream, in any chunking, each event still valid."""

import json
import random

import pytest

from sidecar.core.dialects import dialect_for
from sidecar.core.guard import HOLD_LIMIT, OutputGuard, Stop, TextGuard
from sidecar.core.sse import EventStreamFramer, LineFramer, SseFramer
from sidecar.errors import ScannerError
from sidecar.model import Verdict
from tests.core import streams
from tests.core.streams import cut, engine_and_lane, random_text, run, sse, whole

SSE, LINES, AWS = "text/event-stream", "application/x-ndjson", "application/vnd.amazon.eventstream"


@pytest.fixture(scope="module")
def masking():
    """An engine and lane in which every test rule masks."""
    return engine_and_lane()


def documents(framer, data):
    """Read a released stream again, with a framer of its own."""
    frames = [*framer.receive(data), *framer.finish()]
    return [json.loads(frame.data) for frame in frames if frame.data and frame.data != b"[DONE]"]


def joined(events, *path):
    """Concatenate the pieces at a place of the events."""
    return "".join(at(value, path) or "" for value in events)


def at(value, path):
    """Return what stands at a place of an event, if anything does."""
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def arguments_of(rng):
    """Write the arguments of a call in some spelling: escapes, spaces, nested values."""
    value = {"query": random_text(rng, 6), "list": [random_text(rng, 4), 4111111111111111, True, None]}
    value["numbers"] = {"deep": [[1234567, -7654321.5], 12, 1e-7], "plain": rng.choice([5555555, 999999, 4.2e9])}
    return json.dumps(value, ensure_ascii=rng.random() < 0.5, indent=rng.choice([None, 1]))


def masked_arguments(engine, lane, arguments):
    """The oracle for arguments: each string masked by itself, and each long number, which becomes a string."""

    def walk(value):
        if type(value) in (int, float) and abs(value) >= 1e6:
            written = str(int(value)) if value == int(value) else str(value)
            masked = whole(engine, lane, written, "response.tool_call")[1]
            return value if masked == written else masked
        if isinstance(value, str):
            return whole(engine, lane, value, "response.tool_call")[1]
        if isinstance(value, dict):
            return {key: walk(item) for key, item in value.items()}
        return [walk(item) for item in value] if isinstance(value, list) else value

    return walk(json.loads(arguments))


@pytest.mark.parametrize("seed", range(25))
def test_openai_chat_with_interleaved_choices(masking, seed):
    """Each choice's content, reasoning and calls come out as if they had been judged whole; all events are kept."""
    rng = random.Random(seed)
    texts = [(random_text(rng), random_text(rng, 6), [arguments_of(rng) for _ in range(2)]) for _ in range(3)]
    stream = streams.openai_chat(texts, rng)
    _, released, stop = run(*masking, dialect_for("openai.chat", SSE), cut(rng, stream, rng.choice([1, 7, 300])))
    events = documents(SseFramer(), released)

    assert stop is None
    assert stream.count(b"\n\n") == released.count(b"\n\n")
    assert released.endswith(b"data: [DONE]\n\n")
    for index, (content, reasoning, calls) in enumerate(texts):
        mine = [e for e in events if e["choices"] and e["choices"][0]["index"] == index]
        assert joined(mine, "choices", 0, "delta", "content") == whole(*masking, content)[1]
        assert (
            joined(mine, "choices", 0, "delta", "reasoning_content")
            == whole(*masking, reasoning, "response.reasoning")[1]
        )
        assert [e["choices"][0]["finish_reason"] for e in mine][-1] == "stop"
        for number, arguments in enumerate(calls):
            of_call = [e for e in mine if e["choices"][0]["delta"].get("tool_calls", [{}])[0].get("index") == number]
            assert of_call[0]["choices"][0]["delta"]["tool_calls"][0]["id"] == "c1"
            text = joined(of_call, "choices", 0, "delta", "tool_calls", 0, "function", "arguments")
            assert json.loads(text) == masked_arguments(*masking, arguments)


@pytest.mark.parametrize("seed", range(15))
def test_anthropic_blocks(masking, seed):
    """Thinking, text and tool input are each masked; events keep their order."""
    rng = random.Random(seed)
    text, thinking, arguments = random_text(rng), random_text(rng), arguments_of(rng)
    stream = streams.anthropic(text, thinking, arguments, rng)
    _, released, _ = run(*masking, dialect_for("anthropic.messages", SSE), cut(rng, stream, 50))
    events = documents(SseFramer(), released)

    assert [e["type"] for e in documents(SseFramer(), stream)] == [e["type"] for e in events]
    assert joined(events, "delta", "text") == whole(*masking, text)[1]
    assert joined(events, "delta", "thinking") == whole(*masking, thinking, "response.reasoning")[1]
    assert json.loads(joined(events, "delta", "partial_json")) == masked_arguments(*masking, arguments)


@pytest.mark.parametrize("seed", range(15))
def test_bedrock_frames_are_written_anew_with_right_checksums(masking, seed):
    """A masked message is a valid message; the others are the same bytes."""
    rng = random.Random(seed)
    text, arguments = random_text(rng), arguments_of(rng)
    stream = streams.bedrock(text, arguments, rng)
    _, released, _ = run(*masking, dialect_for("bedrock.converse", AWS), cut(rng, stream, 70))
    events = documents(EventStreamFramer(), released)

    assert joined(events, "delta", "text") == whole(*masking, text)[1]
    assert json.loads(joined(events, "delta", "toolUse", "input")) == masked_arguments(*masking, arguments)


@pytest.mark.parametrize("seed", range(10))
def test_bedrock_invoke_is_read_through_its_base64(masking, seed):
    """The provider's event inside `bytes` is what is judged and masked."""
    rng = random.Random(seed)
    text = random_text(rng)
    _, released, _ = run(*masking, dialect_for("bedrock.invoke", AWS), cut(rng, streams.bedrock_invoke(text, rng), 70))
    inner = [json.loads(__import__("base64").b64decode(e["bytes"])) for e in documents(EventStreamFramer(), released)]

    assert joined(inner, "delta", "text") == whole(*masking, text)[1]


SIMPLE = {
    "gemini": (streams.gemini, SSE, SseFramer, ("candidates", 0, "content", "parts", 0, "text")),
    "cohere.chat": (streams.cohere, SSE, SseFramer, ("delta", "message", "content", "text")),
    "ollama": (streams.ollama, LINES, LineFramer, ("message", "content")),
}


@pytest.mark.parametrize("name", SIMPLE)
@pytest.mark.parametrize("seed", range(10))
def test_other_dialects(masking, name, seed):
    """Gemini, Cohere and Ollama: the same text as if it had been judged whole."""
    write, media, framer, path = SIMPLE[name]
    rng = random.Random(seed)
    text = random_text(rng)
    stream = write(text, rng)
    _, released, _ = run(*masking, dialect_for(name, media), cut(rng, stream, 40))

    assert joined(documents(framer(), released), *path) == whole(*masking, text)[1]


@pytest.mark.parametrize("seed", range(15))
def test_responses_repeat_nothing_that_was_masked(masking, seed):
    """The Responses API says every text three times: as pieces, as a whole, and in the last event."""
    rng = random.Random(seed)
    text, arguments = random_text(rng), arguments_of(rng)
    stream = streams.responses(text, arguments, rng)
    _, released, _ = run(*masking, dialect_for("openai.responses", SSE), cut(rng, stream, 90))
    events = documents(SseFramer(), released)
    expected = whole(*masking, text)[1]
    pieces = [e for e in events if e["type"] == "response.output_text.delta"]
    calls = [e for e in events if e["type"] == "response.function_call_arguments.delta"]
    last = events[-1]["response"]["output"]

    assert joined(pieces, "delta") == expected
    assert [e["text"] for e in events if e["type"] == "response.output_text.done"] == [expected]
    assert last[0]["content"][0]["text"] == expected
    assert json.loads(joined(calls, "delta")) == masked_arguments(*masking, arguments)
    assert json.loads(last[1]["arguments"]) == masked_arguments(*masking, arguments)
    assert events[-1]["response"]["usage"] == {"total_tokens": 2}


def test_unknown_streams_are_guarded_place_by_place(masking):
    """An API that nobody described: every place of its events is a text."""
    rng = random.Random(1)
    text = "say tok_A1b2C3d4 and bob@example.com now"
    stream = b"".join(sse({"id": "chunk-1", "out": {"words": piece}}) for piece in cut(rng, text))
    _, released, _ = run(*masking, dialect_for("json", SSE), [stream])

    assert joined(documents(SseFramer(), released), "out", "words") == whole(*masking, text)[1]


def test_plain_text_events_are_guarded(masking):
    """Some servers stream the text itself as the event's data."""
    stream = b"".join(b"data: " + piece.encode() + b"\n\n" for piece in ["x ", "tok_A1", "b2C3", "d4", "."])
    _, released, _ = run(*masking, dialect_for("json", SSE), [stream])

    assert b"".join(frame.data for frame in SseFramer().receive(released)) == b"x <TOKEN>."


BLOCKED = ("token",)


@pytest.mark.parametrize(
    ("name", "media", "write"),
    [
        ("openai.chat", SSE, lambda text, rng: streams.openai_chat([(text, "", [])], rng)),
        ("openai.responses", SSE, lambda text, rng: streams.responses(text, "{}", rng)),
        ("anthropic.messages", SSE, lambda text, rng: streams.anthropic(text, "", "{}", rng)),
        ("gemini", SSE, streams.gemini),
        ("cohere.chat", SSE, streams.cohere),
        ("ollama", LINES, streams.ollama),
        ("bedrock.converse", AWS, lambda text, rng: streams.bedrock(text, "{}", rng)),
        ("bedrock.invoke", AWS, streams.bedrock_invoke),
    ],
)
def test_a_block_ends_the_stream_as_the_api_would(name, media, write):
    """Nothing of the match and nothing behind it leaves; the last bytes are the API's own error."""
    rng = random.Random(5)
    dialect = dialect_for(name, media)
    stream = write("hello there tok_A1b2C3d4 and more text", rng)
    guard, released, stop = run(*engine_and_lane(blocked=BLOCKED), dialect, cut(rng, stream, 9))
    read = [*dialect.framer().receive(stop.data)]

    assert (stop.decision.verdict, stop.decision.findings[0].rule) == (Verdict.BLOCK, "test-token")
    assert b"tok_" not in released + stop.data
    assert b"more" not in released
    assert read
    assert b"policy" in read[0].data
    assert guard.receive(b"data: {}\n\n") == guard.finish() == []


LIST_PATH = "/v1beta/models/g:streamGenerateContent"


@pytest.mark.parametrize("seed", range(15))
def test_a_list_is_masked_item_by_item(masking, seed):
    """Gemini's answer without `alt=sse` stays one JSON list, in order, and flows while it comes."""
    rng = random.Random(seed)
    text = random_text(rng)
    stream = streams.gemini_list(text, rng)
    dialect = dialect_for("gemini", "application/json", LIST_PATH)
    _, released, stop = run(*masking, dialect, cut(rng, stream, rng.choice([1, 9, 200])))
    items = json.loads(released)

    assert stop is None
    assert joined(items, "candidates", 0, "content", "parts", 0, "text") == whole(*masking, text)[1]
    assert items[-1]["usageMetadata"] == {"totalTokenCount": 2}


def test_a_list_flows_before_its_end(masking):
    """The first items leave before the last ones have come."""
    guard = OutputGuard(*masking, dialect_for("gemini", "application/json", LIST_PATH))
    items = [b'{"candidates": [{"content": {"parts": [{"text": "some words "}]}}]}'] * 5
    out = b"".join(event.data for event in guard.receive(b"[" + b",".join(items)))

    assert out.count(b"some words") >= 4


@pytest.mark.parametrize("size", [1, 30, 5000])
@pytest.mark.parametrize("before", ["hello there ", ""])
def test_a_blocked_list_stays_a_list(before, size):
    """The error is its last item, whether it is the first one or not."""
    rng = random.Random(3)
    stream = streams.gemini_list(f"{before}tok_A1b2C3d4 and more text", rng)
    dialect = dialect_for("gemini", "application/json", LIST_PATH)
    pieces = [stream[i : i + size] for i in range(0, len(stream), size)]
    _, released, stop = run(*engine_and_lane(blocked=BLOCKED), dialect, pieces)
    items = json.loads(released + stop.data)

    assert "policy" in items[-1]["error"]["message"]
    assert "tok_" not in json.dumps(items)
    assert "more" not in json.dumps(items)


def test_candidates_of_a_list_do_not_overtake(masking):
    """Commas stand between the items that were sent, in their order."""
    guard = OutputGuard(*masking, dialect_for("gemini", "application/json", LIST_PATH))
    texts = [(0, "tok_A1b2"), (1, "plain words, "), (0, "C3d4 and "), (1, "that is all "), (0, "done")]
    items = [{"candidates": [{"index": i, "content": {"parts": [{"text": text}]}}]} for i, text in texts]
    out = b""
    for chunk in [
        b"[" + json.dumps(items[0]).encode(),
        *(b"," + json.dumps(item).encode() for item in items[1:]),
        b"]",
    ]:
        out += b"".join(event.data for event in guard.receive(chunk))
    out += b"".join(event.data for event in guard.finish())

    assert [item["candidates"][0]["index"] for item in json.loads(out)] == [i for i, _ in texts]
    assert b"A1b2" not in out


def test_openai_client_raises_on_a_block():
    """What ends a blocked stream is an error to OpenAI's own client."""
    import httpx
    import openai

    stream = streams.openai_chat([("hello tok_A1b2C3d4 more", "", [])], random.Random(1))
    _, released, stop = run(*engine_and_lane(blocked=BLOCKED), dialect_for("openai.chat", SSE), [stream])
    answer = httpx.MockTransport(
        lambda _: httpx.Response(200, headers={"content-type": SSE}, content=released + stop.data)
    )
    client = openai.OpenAI(api_key="none", base_url="http://test/v1", http_client=httpx.Client(transport=answer))
    with pytest.raises(openai.APIError, match="blocked by the security policy"):
        list(client.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}], stream=True))


def test_anthropic_client_raises_on_a_block():
    """What ends a blocked stream is an error to Anthropic's own client; what was masked is text to it."""
    anthropic = pytest.importorskip("anthropic", reason="needs the client of Anthropic")
    # The client brings an HTTP library of its own, the successor of `httpx`.
    httpx = pytest.importorskip("httpx2", reason="needs the HTTP library of Anthropic's client")

    def read(text, **settings):
        stream = streams.anthropic(text, "", "{}", random.Random(1))
        _, released, stop = run(*engine_and_lane(**settings), dialect_for("anthropic.messages", SSE), [stream])
        content = released + (stop.data if stop else b"")
        answer = httpx.MockTransport(lambda _: httpx.Response(200, headers={"content-type": SSE}, content=content))
        client = anthropic.Anthropic(api_key="none", base_url="http://test", http_client=httpx.Client(transport=answer))
        with client.messages.stream(model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}]) as events:
            return "".join(events.text_stream)

    assert read("hello tok_A1b2C3d4 more") == "hello <TOKEN> more"
    with pytest.raises(anthropic.APIError, match="blocked by the security policy"):
        read("hello tok_A1b2C3d4 more", blocked=BLOCKED)


def test_openai_client_reads_a_masked_stream(masking):
    """A masked stream is a stream to OpenAI's own client, usage included."""
    import httpx
    import openai

    stream = streams.openai_chat([("hello tok_A1b2C3d4 more", "", [])], random.Random(1))
    _, released, _ = run(*masking, dialect_for("openai.chat", SSE), [stream])
    answer = httpx.MockTransport(lambda _: httpx.Response(200, headers={"content-type": SSE}, content=released))
    client = openai.OpenAI(api_key="none", base_url="http://test/v1", http_client=httpx.Client(transport=answer))
    chunks = list(client.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}], stream=True))

    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "hello <TOKEN> more"
    assert chunks[-1].usage.total_tokens == 3


def test_clean_text_flows_on():
    """On clean text, a piece waits for the next one at most."""
    engine, lane = engine_and_lane()
    guard = OutputGuard(engine, lane, dialect_for("openai.chat", SSE))
    words = [
        "the",
        "quick",
        "brown",
        "fox",
        "jumps",
        "over",
        "the",
        "lazy",
        "dog",
        "while",
        "nobody",
        "looks",
        "at",
        "it",
    ]
    waiting = 0
    for number, word in enumerate(words, 1):
        events = guard.receive(sse({"choices": [{"index": 0, "delta": {"content": f" {word}"}}]}))
        waiting += 1 - sum(event.data.count(b"data:") for event in events)

        assert waiting <= 1, number


def test_comments_overtake_what_is_held():
    """Keep-alive comments go on at once, so that held text does not look like a dead connection."""
    engine, lane = engine_and_lane()
    guard = OutputGuard(engine, lane, dialect_for("openai.chat", SSE))
    held = guard.receive(sse({"choices": [{"index": 0, "delta": {"content": "tok_"}}]}))

    assert (held, [event.data for event in guard.receive(b": ping\n\n")]) == ([], [b": ping\n\n"])


def test_probabilities_of_masked_tokens_are_taken_out(masking):
    """Token probabilities spell out what was masked."""
    logprobs = {"content": [{"token": "tok_A1b2C3d4", "logprob": -0.1, "bytes": [1]}]}
    stream = sse({"choices": [{"index": 0, "delta": {"content": "tok_A1b2C3d4 "}, "logprobs": logprobs}]})
    _, released, _ = run(*masking, dialect_for("openai.chat", SSE), [stream])

    assert documents(SseFramer(), released)[0]["choices"][0] == {
        "index": 0,
        "delta": {"content": "<TOKEN> "},
        "logprobs": None,
    }


class Broken:
    """A scanner that always fails."""

    def scan(self, text):
        raise ScannerError("the scan failed: Test")


@pytest.mark.parametrize("data", [b"data: {broken\n\n", b'data: {"a":1,"a":2}\n\n', b'data: {"choices":"\xff"}\n\n'])
def test_unreadable_events_stop_the_stream_unless_the_policy_says_so(data):
    """What cannot be read is not passed unseen."""
    start = sse({"choices": [{"index": 0, "delta": {"content": "held"}}]})
    engine, lane = engine_and_lane()
    closed, released, stop = run(engine, lane, dialect_for("openai.chat", SSE), [start + data + b": more\n\n"])
    engine, lane = engine_and_lane(pass_unreadable=True)
    opened, passed, _ = run(engine, lane, dialect_for("openai.chat", SSE), [start + data + b": more\n\n", b"rest"])

    assert (closed.decision.verdict, closed.decision.http_status, released) == (Verdict.BLOCK, 400, b"")
    assert b"could not be inspected" in stop.data
    assert (opened.decision.verdict, passed) == (Verdict.FLAG, start + data + b": more\n\nrest")


def test_our_failure_meets_the_failure_policy():
    """A scanner that fails stops the stream, or lets it pass where the policy is open; the text is in no message."""
    stream = sse({"choices": [{"index": 0, "delta": {"content": "secret tok_A1b2C3d4 words "}}]})
    for opened, verdict in ((frozenset(), Verdict.BLOCK), (frozenset({"response"}), Verdict.FLAG)):
        engine, lane = engine_and_lane(fail_open=opened)
        engine.scanner = Broken()
        guard, released, stop = run(engine, lane, dialect_for("openai.chat", SSE), [stream])

        assert (guard.decision.verdict, guard.decision.reason) == (verdict, "engine_failure")
        assert released == (stream if opened else b"")
        assert "secret" not in repr((guard.decision, stop))


def test_holding_has_a_limit(masking):
    """A stream that plays for time is refused with 413, not stored without end."""
    pad = "x" * 2000
    start = sse({"choices": [{"index": 0, "delta": {"content": "tok_"}}]})
    stream = [start] + [sse({"choices": [{"index": 0, "delta": {}}], "pad": pad})] * (HOLD_LIMIT // 1900)
    guard, released, stop = run(*masking, dialect_for("openai.chat", SSE), stream)

    assert (guard.decision.http_status, released, bool(stop)) == (413, b"", True)


def test_resumed_reasoning_cannot_smuggle_a_value(masking):
    """Reasoning ends when content begins; a value that goes on behind the content stops the stream."""
    pieces = [{"reasoning_content": "tok_A1b2"}, {"content": "x"}, {"reasoning_content": "C3d4 "}]
    stream = b"".join(sse({"choices": [{"index": 0, "delta": piece}]}) for piece in pieces)
    guard, released, stop = run(*masking, dialect_for("openai.chat", SSE), [stream])

    assert guard.decision.verdict is Verdict.BLOCK
    assert b"C3d4" not in released
    assert isinstance(stop, Stop)


def test_text_guard_meets_the_failure_policy():
    """A plain text is stopped or passed as the policy says."""
    shown = []
    for opened in (frozenset(), frozenset({"response"})):
        engine, lane = engine_and_lane(fail_open=opened)
        engine.scanner = Broken()
        guard = TextGuard(engine, lane)
        shown.append(guard.receive("tok_A1b2C3d4 ") + guard.receive("there") + guard.finish())

    assert shown == ["", "tok_A1b2C3d4 there"]


def test_text_guard_does_not_hold_without_end(monkeypatch):
    """A text that plays for time is refused with 413."""
    monkeypatch.setattr("sidecar.core.guard.HOLD_LIMIT", 5)
    engine, lane = engine_and_lane(fail_open=frozenset({"response"}))
    guard = TextGuard(engine, lane)
    shown = guard.receive("tok_") + guard.receive("A1") + guard.finish()

    assert (shown, guard.decision.verdict, guard.decision.http_status) == ("", Verdict.BLOCK, 413)
