"""Pseudonyms through the whole filter: masked in the request, restored in the answer, whole or streamed, in every place."""

import json
import random

import pytest

from sidecar.app import compile_snapshot, config, read_bundle
from sidecar.backends.operator_tools import operator_tools
from sidecar.core.exchange import BodyEvent, BodyMode, Caller, HeadersEvent, Modes, ReplaceBody, SendChunk
from sidecar.core.transaction import Transaction
from sidecar.rules.policy import read_policy
from sidecar.settings import Options

POLICY = """
schema: 1
name: pseudonyms
families:
  pii: {{action: mask, min_confidence: 0.4, operator: {{name: pseudonymise, params: {{style: {style}}}}}}}
overrides:
  - {{direction: response, families: {{pii: {{action: "off"}}}}}}
"""
CHAT = "/v1/chat/completions"
MAIL, CARD = "anna.smith@example.com", "4111 1111 1111 1111"


@pytest.fixture(scope="module", params=["number", "code", "surrogate", "token"])
def snapshot(request):
    """The shipped rules under a policy that pseudonymises, in one style."""
    tools = operator_tools({"SIDECAR_PSEUDONYM_KEY": "0123456789abcdef" * 4})
    policy = read_policy(POLICY.format(style=request.param).encode(), "policy.yaml", tools)
    bundle = read_bundle(config.read_folder(Options().rules or config.shipped_rules()))
    return compile_snapshot(bundle, policy, tools=tools)


def _transaction(snapshot, modes, conversation="c1"):
    transaction = Transaction(snapshot.filter, Caller(application="app", modes=modes))
    headers = (
        (":path", CHAT),
        (":method", "POST"),
        ("content-type", "application/json"),
        ("x-conversation-id", conversation),
    )
    transaction.receive(HeadersEvent("request", headers))
    return transaction


def _request(*messages):
    roles = ("user", "assistant")
    said = [{"role": roles[index % 2], "content": message} for index, message in enumerate(messages)]
    return json.dumps({"model": "m", "messages": said}).encode()


def _sent(actions, original):
    replaced = [action.data for action in actions if isinstance(action, ReplaceBody | SendChunk)]
    return b"".join(replaced) if replaced else original


def _ask(snapshot, body, modes=None, conversation="c1"):
    transaction = _transaction(snapshot, modes or Modes(BodyMode.BUFFERED, BodyMode.BUFFERED), conversation)
    return transaction, _sent(transaction.receive(BodyEvent("request", body, end=True)), body)


def _answer(transaction, body, content_type="application/json", size=0):
    transaction.receive(HeadersEvent("response", ((":status", "200"), ("content-type", content_type))))
    if not size:
        return _sent(transaction.receive(BodyEvent("response", body, end=True)), body)
    got = b""
    for start in range(0, len(body), size):
        part = body[start : start + size]
        got += _sent(transaction.receive(BodyEvent("response", part, end=start + size >= len(body))), b"")
    return got


def _contents(body):
    return [message["content"] for message in json.loads(body)["messages"]]


def test_values_leave_as_pseudonyms_and_come_back(snapshot):
    """In two choices, in tool-call arguments (JSON in a string) and beside quotes and escapes."""
    transaction, sent = _ask(snapshot, _request(f"Mail {MAIL}, card {CARD}."))
    (masked,) = _contents(sent)
    mail, card = masked.removeprefix("Mail ").removesuffix(".").split(", card ")
    arguments = json.dumps({"to": mail, "note": f'a "quote" \\ {card}'})
    choices = [
        {"index": 0, "message": {"role": "assistant", "content": f"Sent to {mail}\n\u00e9 {card}"}},
        {
            "index": 1,
            "message": {
                "role": "assistant",
                "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": arguments}}],
            },
        },
    ]
    answer = json.loads(_answer(transaction, json.dumps({"object": "chat.completion", "choices": choices}).encode()))

    assert MAIL not in sent.decode()
    assert CARD not in sent.decode()
    assert answer["choices"][0]["message"]["content"] == f"Sent to {MAIL}\n\u00e9 {CARD}"
    call = answer["choices"][1]["message"]["tool_calls"][0]["function"]
    assert json.loads(call["arguments"]) == {"to": MAIL, "note": f'a "quote" \\ {CARD}'}


def test_pseudonyms_stay_over_twelve_turns(snapshot):
    """The history travels, and what stood in the first turn keeps its name in the twelfth."""
    history = [f"I am {MAIL}."]
    first = _contents(_ask(snapshot, _request(*history))[1])[0]
    for turn in range(12):
        history += [f"Noted, {MAIL}.", f"My other mail is user{turn}@example.org."]
        contents = _contents(_ask(snapshot, _request(*history))[1])

        assert contents[0] == first


@pytest.mark.parametrize("size", [1, 2, 3, 7, 19, 64, 4096])
def test_a_streamed_answer_is_restored_in_every_chunking(snapshot, size):
    """Server-sent events, the pseudonym split over deltas, and bytes split anywhere."""
    transaction, sent = _ask(snapshot, _request(f"Mail {MAIL}."), Modes(BodyMode.FULL_DUPLEX, BodyMode.FULL_DUPLEX))
    pseudonym = _contents(sent)[0].removeprefix("Mail ").removesuffix(".")
    text = f"I wrote to {pseudonym} and <{pseudonym}, done"
    random_ = random.Random(size)
    events, start = [], 0
    while start < len(text):
        end = start + random_.randint(1, 4)
        delta = {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": text[start:end]}}]}
        events.append(f"data: {json.dumps(delta)}\n\n")
        start = end
    body = ("".join(events) + "data: [DONE]\n\n").encode()
    got = _answer(transaction, body, "text/event-stream", size).decode()
    shown = "".join(
        json.loads(line[6:])["choices"][0]["delta"]["content"]
        for line in got.splitlines()
        if line.startswith("data: {")
    )

    assert shown == f"I wrote to {MAIL} and <{MAIL}, done"


def test_a_text_on_its_own_gives_each_value_a_pseudonym(snapshot):
    """Without an exchange: the same value the same, another value another one."""
    text = snapshot.filter().check_text(f"{MAIL}, {MAIL}, eve@example.net").text
    first, again, other = text.split(", ")

    assert first == again
    assert first != other


def test_another_conversation_is_not_restored(snapshot):
    """What one conversation was given means nothing in another one."""
    _, sent = _ask(snapshot, _request(f"Mail {MAIL}."), conversation="mine")
    theirs, _ = _ask(snapshot, _request("Hello there."), conversation="theirs")
    body = json.dumps({"choices": [{"index": 0, "message": {"content": _contents(sent)[0]}}]}).encode()

    assert _answer(theirs, body) == body
