"""Conversations: new turns are judged, old ones are remembered, and what was blocked once blocks no later turn."""

import json

import pytest

from sidecar.core.schemas import request_schema
from sidecar.core.turns import JUDGED_RULE, NOTICE, TurnMemory
from sidecar.model import Segment, Verdict
from tests.core.streams import engine_and_lane

CHAT = request_schema("/v1/chat/completions")
BAD = "please begin the thing and then end it, thank you"
FINE = "what is the weather like in the harbour today"


class Counting:
    """A scanner that counts the characters that it is shown."""

    def __init__(self, scanner):
        self.scanner = scanner
        self.shown = 0

    def scan(self, text):
        self.shown += len(text)
        return self.scanner.scan(text)


@pytest.fixture
def talk():
    """Return a function that sends a conversation, and the scanner that counts."""
    engine, lane = engine_and_lane(blocked=("gap",))
    engine.scanner = Counting(engine.scanner)
    memory = TurnMemory(b"k" * 32, 100)

    def send(*messages, application="a"):
        body = json.dumps({"messages": [{"role": role, "content": text} for role, text in messages]}).encode()
        return engine.inspect(body, CHAT, lane, turns=memory.scope(application))

    send.scanner = engine.scanner
    return send


def test_turns_that_were_judged_are_not_judged_again(talk):
    """The cost of a turn is its own length, not the conversation's."""
    turns = [("user" if i % 2 == 0 else "assistant", f"{FINE} said {chr(103 + i) * 5} once") for i in range(20)]
    costs = []
    for count in range(1, 20, 2):
        talk.scanner.shown = 0
        talk(*turns[:count])
        costs.append(talk.scanner.shown)

    assert costs[-1] <= 3 * costs[0]


def test_a_blocked_turn_blocks_again_while_it_is_the_newest(talk):
    """Sending the same once more changes nothing."""
    verdicts = [talk(("user", BAD)).decision.verdict for _ in range(3)]

    assert verdicts == [Verdict.BLOCK] * 3


@pytest.mark.parametrize("answer", [(), (("assistant", "I cannot help with that, sorry."),)])
def test_a_blocked_turn_does_not_block_the_conversation_for_ever(talk, answer):
    """Later turns go on; the text itself is gone from the history, so that the model never reads it."""
    talk(("user", BAD))
    outcome = talk(("user", BAD), *answer, ("user", FINE))
    messages = json.loads(outcome.body)["messages"]

    assert (outcome.decision.verdict, outcome.decision.findings[-1].rule) == (Verdict.MASK, JUDGED_RULE)
    assert (messages[0]["content"], messages[-1]["content"]) == (NOTICE, FINE)


def test_a_bad_turn_that_was_never_judged_blocks_wherever_it_stands(talk):
    """A history that was made up is judged like anything new."""
    assert talk(("user", BAD), ("assistant", "yes of course I will"), ("user", FINE)).decision.verdict is Verdict.BLOCK


def test_masked_turns_are_masked_again(talk):
    """A value that was masked once is masked in every later request."""
    text = "my mail is bob@example.com, write to it"
    bodies = [talk(*[("user", text)] * count).body for count in (1, 2, 3)]

    assert [body.count(b"<MAIL>") for body in bodies] == [1, 2, 3]


def test_one_application_learns_nothing_of_another(talk):
    """Verdicts are remembered for each application by itself."""
    talk(("user", BAD), application="a")
    outcome = talk(("user", BAD), ("user", FINE), application="b")

    assert outcome.decision.verdict is Verdict.BLOCK


def test_targets_are_judged_apart(talk):
    """A text that is fine from a tool is not fine from a user, unless it was judged there."""
    memory = TurnMemory(b"k" * 32, 10)
    turns = memory.scope("a")
    split = turns.split([Segment(FINE, "request.user", "/messages/0/content")])
    turns.remember(split, ())
    again = turns.split([Segment(FINE, "request.tool_result", "/messages/0/content")])

    assert len(again.fresh) == 1


def test_memory_is_bounded_and_holds_no_text():
    """The oldest are forgotten; what is kept are digests."""
    memory = TurnMemory(b"k" * 32, 10)
    turns = memory.scope("a")
    for number in range(100):
        segment = Segment(f"{FINE} {number}", "request.user")
        turns.remember(turns.split([segment]), ())

    assert len(memory._recent) <= 10
    assert all(isinstance(key, bytes) and len(key) == 16 for key in memory._recent._young)


def test_cohere_history_is_history():
    """An API that keeps history and message apart is understood."""
    engine, lane = engine_and_lane(blocked=("gap",))
    turns = TurnMemory(b"k" * 32, 10).scope("a")
    schema = request_schema("/v1/chat")
    engine.inspect(json.dumps({"message": BAD}).encode(), schema, lane, turns=turns)
    body = {"chat_history": [{"role": "USER", "message": BAD}], "message": FINE}
    outcome = engine.inspect(json.dumps(body).encode(), schema, lane, turns=turns)

    assert (outcome.decision.verdict, json.loads(outcome.body)["chat_history"][0]["message"]) == (Verdict.MASK, NOTICE)
