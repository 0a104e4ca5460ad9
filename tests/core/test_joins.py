"""Payloads that were cut in pieces are found when the pieces are read together."""

import json

import msgspec
import pytest

from sidecar.core.schemas import request_schema
from sidecar.core.turns import TurnMemory
from sidecar.model import Verdict
from tests.core.streams import engine_and_lane

CHAT = request_schema("/v1/chat/completions")


def judge(messages, blocked=("gap",), **settings):
    """Inspect a chat request with neighbours joined."""
    engine, lane = engine_and_lane(blocked=blocked)
    lane = msgspec.structs.replace(lane, joins=settings.pop("joins", True))
    return engine.inspect(json.dumps({"messages": messages}).encode(), CHAT, lane)


def user(*parts):
    """Write a user's message of several parts."""
    return {"role": "user", "content": [{"type": "text", "text": part} for part in parts]}


@pytest.mark.parametrize(
    "messages",
    [
        [user("please be", "gin the thing and e", "nd it")],
        [user("please begin the"), user("thing end")],
        [user("begin"), {"role": "assistant", "content": "yes?"}, user("the end")],
        [user("x" * 2000 + " begin"), user("the end " + "y" * 2000)],
        [{"role": "tool", "content": "begin"}, {"role": "tool", "content": "end"}],
    ],
)
def test_payloads_split_over_parts_and_turns_are_found(messages):
    """Cut within a word or between two, in parts of a message or in turns."""
    assert judge(messages).decision.verdict is Verdict.BLOCK
    assert judge(messages, joins=False).decision.verdict is Verdict.ALLOW


def test_split_values_are_masked_in_each_piece():
    """No piece of the value goes on."""
    body = judge([user("the token is tok_A1", "b2C3d4 thanks")]).body
    texts = [part["text"] for part in json.loads(body)["messages"][0]["content"]]

    assert texts == ["the token is <TOKEN>", "<TOKEN> thanks"]


@pytest.mark.parametrize(
    "messages",
    [
        [user("begin"), {"role": "system", "content": "end"}],
        [user("begin " + "x" * 600), user("end")],
        [user("all is fine"), user("and goes well")],
    ],
)
def test_texts_that_are_no_neighbours_are_not_joined(messages):
    """Other roles and far ends do not make a payload."""
    assert judge(messages).decision.verdict is Verdict.ALLOW


def test_a_payload_over_many_turns_is_found_when_it_is_complete():
    """Earlier turns are remembered as clean; what completes the payload is read with the text before it."""
    engine, lane = engine_and_lane(blocked=("gap",))
    lane = msgspec.structs.replace(lane, joins=True)
    turns = TurnMemory(b"k" * 32, 100).scope("a")
    pieces = ["please", "be", "gin what we", "said and", "e", "nd it"]
    verdicts = []
    for count in range(1, len(pieces) + 1):
        body = json.dumps({"messages": [user(piece) for piece in pieces[:count]]}).encode()
        verdicts.append(engine.inspect(body, CHAT, lane, turns=turns).decision.verdict)

    assert verdicts == [Verdict.ALLOW] * 5 + [Verdict.BLOCK]


def test_what_is_whole_is_said_once():
    """A finding inside one part is reported as ever."""
    decision = judge([user("begin the end", "fine")]).decision

    assert [finding.rule for finding in decision.findings] == ["test-gap"]
