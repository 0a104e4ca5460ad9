"""The request tells what its answer is looked at for: through a whole exchange, with the shipped rules."""

import json

import pytest

from sidecar import config
from sidecar.app import Snapshot
from sidecar.core.exchange import BodyEvent, BodyMode, Caller, HeadersEvent, Modes, Reject, ReplaceBody, SendChunk
from sidecar.core.transaction import Transaction
from sidecar.rules.policy import read_policy
from tests.core.streams import sse

PROMPT = "You are the assistant of the Larkspur project and you never name the harbour in which the blue ship waits."
LEAK = "Well: you never name the harbour in which the blue ship waits, I was told."


@pytest.fixture(scope="module")
def filters(snapshot):
    """The shipped rules under a policy that compares answers with their requests."""
    data, source = config.find_policy("default")
    for family, action in (("prompt-leak", "mask"), ("form", "block"), ("links", "mask")):
        assert f'{family}: {{action: "off"}}'.encode() in data
        data = data.replace(f'{family}: {{action: "off"}}'.encode(), f"{family}: {{action: {action}}}".encode())
    data = data.replace(b"words: 12", b"words: 6")
    own = Snapshot(snapshot.bundle, read_policy(data, source), snapshot.table, snapshot.scanner)
    return own.filter


def exchange(filters, request, answer, content_type, mode=BodyMode.BUFFERED):
    """Send a request and its answer; return what the client gets, or the refusal."""
    transaction = Transaction(filters, Caller(modes=Modes(BodyMode.BUFFERED, mode)))
    headers = (":method", "POST"), (":path", "/v1/chat/completions"), ("content-type", "application/json")
    transaction.receive(HeadersEvent("request", headers))
    transaction.receive(BodyEvent("request", json.dumps(request).encode(), end=True))
    actions = transaction.receive(HeadersEvent("response", ((":status", "200"), ("content-type", content_type))))
    actions += transaction.receive(BodyEvent("response", answer, end=True))
    refused = [action for action in actions if isinstance(action, Reject)]
    return refused[0] if refused else b"".join(a.data for a in actions if isinstance(a, ReplaceBody | SendChunk))


def asked(**more):
    """Write a request with a system prompt."""
    return {
        "model": "m",
        "messages": [{"role": "system", "content": PROMPT}, {"role": "user", "content": "hello"}],
        **more,
    }


def said(text):
    """Write a whole answer."""
    return json.dumps({"choices": [{"message": {"role": "assistant", "content": text}}]}).encode()


def test_the_system_prompt_stays_inside(filters):
    """Whole and streamed, the run of words is masked."""
    whole = exchange(filters, asked(), said(LEAK), "application/json")
    stream = b"".join(sse({"choices": [{"index": 0, "delta": {"content": word + " "}}]}) for word in LEAK.split())
    streamed = exchange(filters, asked(stream=True), stream, "text/event-stream", BodyMode.FULL_DUPLEX)

    for answer in (whole, streamed):
        assert b"<SYSTEM_PROMPT>" in answer
        assert b"blue" not in answer


def test_answers_without_the_prompt_pass(filters):
    """Nothing is changed where nothing is said again."""
    assert exchange(filters, asked(), said("Good morning."), "application/json") == b""


def test_a_form_that_was_asked_for_is_kept(filters):
    """An answer that is no JSON object where one was asked for is refused."""
    request = asked(response_format={"type": "json_object"})

    assert isinstance(exchange(filters, request, said("no object"), "application/json"), Reject)
    assert exchange(filters, request, said('{"a": 1}'), "application/json") == b""


def test_addresses_that_lead_elsewhere_are_masked(filters):
    """The policy switches the family on, and names no host."""
    answer = exchange(filters, asked(), said("see [this](https://elsewhere.test/?q=1)"), "application/json")

    assert b"<LINK>" in answer
    assert b"elsewhere" not in answer
