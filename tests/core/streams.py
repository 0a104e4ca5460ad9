"""Streams for tests: rules with every awkward shape, answers of every dialect, and ways to cut them."""

import base64
import json
import re

from sidecar.backends.re_scanner import ReScanner
from sidecar.core.decide import Response, TargetPolicy
from sidecar.core.engine import Engine, Lane
from sidecar.core.guard import OutputGuard, Release, Stop, TextGuard
from sidecar.core.operators import build_operator
from sidecar.core.plan import build_table, compile_plan
from sidecar.core.splice import apply_edits
from sidecar.core.sse import event_stream_headers, event_stream_message
from sidecar.model import TARGETS, OperatorConfig, Pattern, Rule, Segment, Verdict

# Greedy, lazy, bounded gaps, look-around, boundaries, alternatives of unequal length, matches inside matches.
MASKED = {
    "token": r"\btok_[A-Za-z0-9]{8}\b",
    "mail": r"\b[\w.+-]{1,20}@[\w-]{1,10}(?:\.[a-z]{2,5}){1,2}\b",
    "card": r"(?<!\d)(?:\d[ -]?){12}\d(?!\d)",
    "gap": r"begin.{0,20}end",
    "lazy": r"<x>.{0,15}?</x>",
    "ahead": r"foo(?=bar)",
    "not-ahead": r"baz(?!qux)",
    "either": r"ab|abcd|bcde",
    "triple": r"\d{3}",
    "end": r"tail$",
    "image": r"!\[[^\]\n]{0,8}\]\(http[^)\s]{1,12}\)",
    "assigned": r"\b\w{0,4}key\s{0,2}=\s{0,2}(?P<secret>[\w.]{4,12})\b",
    "quoted": r"(['\"])\w{1,6}\1",
}
WORDS = [
    "key", "=", "mykey = ", "tok_", "A1b2C3d4", "tok_A1b2C3d4", "tok_A1b2C3d45", "bob", "@", "bob@example.com", "x.io", ".", "begin", "end",
    "<x>", "</x>", "foo", "bar", "foobar", "baz", "qux", "ab", "abcd", "bcde", "cde", "123", "12 34-56 78 90 12 3", "4", "-",
    "tail", "![a](http://x/y)", "![", "](http", ")", "'", '"', "abc", " ", "  ", "\n", "hello there", "naïve", "日本", "🎉", "\u200b", "",
]  # fmt: skip


def rules(blocked=()):
    """Build the rules above; those named block."""
    return tuple(
        Rule(
            id=f"test-{name}",
            version=1,
            family="test",
            title=name,
            severity="high",
            paranoia=1,
            targets=frozenset(TARGETS),
            transforms=frozenset({"casefold"}),
            patterns=(Pattern((), regex=re.compile(expression, re.IGNORECASE)),),
            verdict=Verdict.BLOCK if name in blocked else Verdict.MASK,
            entity=name.upper(),
        )
        for name, expression in MASKED.items()
    )


def engine_and_lane(blocked=(), **settings):
    """Build an engine over the test rules, with the slow scanner."""
    table = build_table(rules(blocked), ())
    response = Response(None, 0.0, build_operator(OperatorConfig("replace")))
    policy = TargetPolicy(families={"test": response}, entities={})
    plans = {
        target: compile_plan(table, target, detect_paranoia=1, families={"test"}, excluded=()) for target in TARGETS
    }
    lane = Lane(plans, dict.fromkeys(TARGETS, policy), **settings)
    return Engine(ReScanner(table.gates), revision="test"), lane


def random_text(rng, length=12):
    """Put together pieces of matches, whole matches and plain words."""
    return "".join(rng.choice(WORDS) for _ in range(rng.randint(0, length)))


def whole(engine, lane, text, target="response.text"):
    """Judge a text at once: the oracle of every chunking."""
    decision = engine.judge((Segment(text, target),), lane)
    return decision, apply_edits(text, decision.edits)


def cut(rng, data, most=7):
    """Cut text or bytes at random; at every place where `most` is 1."""
    position = 0
    while position < len(data):
        size = rng.randint(1, most)
        yield data[position : position + size]
        position += size


def run_text(engine, lane, chunks):
    """Guard a plain text; return its decision and what was shown."""
    guard = TextGuard(engine, lane)
    shown = "".join([*(guard.receive(chunk) for chunk in chunks), guard.finish()])
    return guard.decision, shown


def run(engine, lane, dialect, chunks):
    """Guard a stream; return the guard, what was released, and the stop, if there was one."""
    guard = OutputGuard(engine, lane, dialect)
    events = [event for chunk in chunks for event in guard.receive(chunk)] + guard.finish()
    stops = [event for event in events if isinstance(event, Stop)]
    assert not stops or events[-1] is stops[0]
    return guard, b"".join(e.data for e in events if isinstance(e, Release)), stops[0] if stops else None


# Writing streams


def sse(value, event=""):
    """Write one server-sent event."""
    name = f"event: {event}\n" if event else ""
    return f"{name}data: {json.dumps(value)}\n\n".encode()


def aws(kind, value):
    """Write one message of Amazon's event stream."""
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return event_stream_message(event_stream_headers(headers), json.dumps(value).encode())


def openai_chat(texts, rng):
    """Interleave choices; each has reasoning, content and the arguments of two calls."""
    events = []
    for index, (content, reasoning, calls) in enumerate(texts):
        delta = [{"role": "assistant", "content": ""}]
        delta += [{"reasoning_content": piece} for piece in cut(rng, reasoning)]
        delta += [{"content": piece} for piece in cut(rng, content)]
        for number, arguments in enumerate(calls):
            delta.append(
                {
                    "tool_calls": [
                        {"index": number, "id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}}
                    ]
                }
            )
            delta += [
                {"tool_calls": [{"index": number, "function": {"arguments": piece}}]} for piece in cut(rng, arguments)
            ]
        events.append(
            [{"index": index, "delta": item, "finish_reason": None} for item in delta]
            + [{"index": index, "delta": {}, "finish_reason": "stop"}]
        )
    stream = b": keep-alive\n\n"
    while events:
        queue = rng.choice(events)
        stream += sse({"id": "x", "object": "chat.completion.chunk", "model": "m", "choices": [queue.pop(0)]})
        events = [queue for queue in events if queue]
    return stream + sse({"id": "x", "choices": [], "usage": {"total_tokens": 3}}) + b"data: [DONE]\n\n"


def anthropic(text, thinking, arguments, rng):
    """Write a thinking block, a text block and a tool block."""
    events = [
        (
            "message_start",
            {
                "message": {
                    "id": "m",
                    "type": "message",
                    "role": "assistant",
                    "content": [],
                    "usage": {"input_tokens": 1},
                }
            },
        )
    ]
    blocks = [
        ({"type": "thinking", "thinking": ""}, [{"type": "thinking_delta", "thinking": p} for p in cut(rng, thinking)]),
        ({"type": "text", "text": ""}, [{"type": "text_delta", "text": p} for p in cut(rng, text)]),
        (
            {"type": "tool_use", "id": "t", "name": "f", "input": {}},
            [{"type": "input_json_delta", "partial_json": p} for p in cut(rng, arguments)],
        ),
    ]
    for index, (block, deltas) in enumerate(blocks):
        events.append(("content_block_start", {"index": index, "content_block": block}))
        events += [("content_block_delta", {"index": index, "delta": delta}) for delta in deltas]
        events.append(("content_block_stop", {"index": index}))
    events += [
        ("message_delta", {"delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}}),
        ("message_stop", {}),
    ]
    return b"".join(sse({"type": name, **value}, name) for name, value in events)


def bedrock(text, arguments, rng):
    """Write a text block and a tool block in Amazon's framing."""
    frames = [aws("messageStart", {"role": "assistant"})]
    frames += [aws("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": p}}) for p in cut(rng, text)]
    frames.append(aws("contentBlockStop", {"contentBlockIndex": 0}))
    frames.append(
        aws("contentBlockStart", {"contentBlockIndex": 1, "start": {"toolUse": {"toolUseId": "t", "name": "f"}}})
    )
    frames += [
        aws("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"toolUse": {"input": p}}})
        for p in cut(rng, arguments)
    ]
    frames += [aws("contentBlockStop", {"contentBlockIndex": 1}), aws("messageStop", {"stopReason": "end_turn"})]
    return b"".join(frames)


def bedrock_invoke(text, rng):
    """Write Anthropic events inside Amazon's framing."""
    events = [{"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}]
    events += [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": p}} for p in cut(rng, text)
    ]
    events += [{"type": "content_block_stop", "index": 0}, {"type": "message_stop"}]
    return b"".join(aws("chunk", {"bytes": base64.b64encode(json.dumps(e).encode()).decode()}) for e in events)


def gemini(text, rng):
    """Write answers of one candidate."""
    return b"".join(
        sse({"candidates": [{"content": {"role": "model", "parts": [{"text": p}]}, "index": 0}]})
        for p in cut(rng, text)
    ) + sse(
        {
            "candidates": [{"content": {"parts": []}, "finishReason": "STOP", "index": 0}],
            "usageMetadata": {"totalTokenCount": 2},
        }
    )


def gemini_list(text, rng):
    """Write the same answers as one list, as Gemini does without `alt=sse`."""
    events = [event.removeprefix(b"data: ") for event in gemini(text, rng).split(b"\n\n") if event]
    return b"[" + b",\r\n".join(events) + b"\r\n]"


def responses(text, arguments, rng):
    """Write a message item and a function call item, each repeated whole as the API does."""
    events = [{"type": "response.created", "response": {"id": "r", "status": "in_progress", "output": []}}]
    events += [
        {"type": "response.output_text.delta", "item_id": "i", "output_index": 0, "content_index": 0, "delta": p}
        for p in cut(rng, text)
    ]
    part = {"type": "output_text", "text": text, "annotations": []}
    events += [
        {"type": "response.output_text.done", "item_id": "i", "output_index": 0, "content_index": 0, "text": text},
        {"type": "response.content_part.done", "item_id": "i", "output_index": 0, "content_index": 0, "part": part},
    ]
    events += [
        {"type": "response.function_call_arguments.delta", "item_id": "j", "output_index": 1, "delta": p}
        for p in cut(rng, arguments)
    ]
    events.append(
        {"type": "response.function_call_arguments.done", "item_id": "j", "output_index": 1, "arguments": arguments}
    )
    output = [
        {"type": "message", "id": "i", "role": "assistant", "content": [part]},
        {"type": "function_call", "id": "j", "call_id": "c", "name": "f", "arguments": arguments},
    ]
    events.append(
        {
            "type": "response.completed",
            "response": {"id": "r", "status": "completed", "output": output, "usage": {"total_tokens": 2}},
        }
    )
    return b"".join(sse(event, event["type"]) for event in events)


def cohere(text, rng):
    """Write a v2 answer."""
    events = [
        {"type": "message-start", "id": "m"},
        {"type": "content-start", "index": 0, "delta": {"message": {"content": {"text": "", "type": "text"}}}},
    ]
    events += [
        {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": p}}}} for p in cut(rng, text)
    ]
    events += [
        {"type": "content-end", "index": 0},
        {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": {}}},
    ]
    return b"".join(sse(event, event["type"]) for event in events)


def ollama(text, rng):
    """Write JSON lines."""
    lines = [{"model": "l", "message": {"role": "assistant", "content": p}, "done": False} for p in cut(rng, text)]
    lines.append({"model": "l", "message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop"})
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)
