"""Goal 4: attacks in every way of writing a body; none goes on where some parser of the upstream would find it."""

import pytest

from sidecar import config
from sidecar.core.exchange import BodyEvent, BodyMode, Caller, HeadersEvent, Modes, Reject, ReplaceBody
from sidecar.core.transaction import Transaction
from sidecar.model import Verdict
from sidecar.rules.bundle import read_bundle
from sidecar.rules.samples import expand
from tests.chaos.bodies import readings, wire_bodies

# Rules say for which texts they are; the oracle may insist on what is blocked wherever it stands. A developer's message is
# the operator's own, and is left out.
_PLACES = ("user", "assistant", "tool_result", "tool_call", "tool_definition", "metadata")


def attacks(check, count):
    """Examples of the rules' own tests, alone and behind a greeting, that are blocked wherever they stand."""
    bundle = read_bundle(config.read_folder(config.shipped_rules()))
    examples = [expand(case.text, 1) for document in bundle.documents for case in document.schema.tests.positive]
    texts = [text for text in examples if "\n" not in text]
    blocked = [
        text
        for text in (*texts, *(f"Hello. {text}" for text in texts))
        if all(check.check_text(text, f"request.{place}").decision.verdict is Verdict.BLOCK for place in _PLACES)
    ]
    return blocked[:: max(1, len(blocked) // count)][:count]


def goes_on(snapshot, body, kind):
    """Return the bytes that would reach the upstream; None where the request is refused."""
    modes = Modes(BodyMode.BUFFERED, BodyMode.BUFFERED)
    transaction = Transaction(snapshot.filter, Caller(modes=modes, overridable=True))
    pairs = ((":method", "POST"), (":path", "/v1/chat/completions"), *((("content-type", kind),) if kind else ()))
    for event in (HeadersEvent("request", pairs), BodyEvent("request", body, end=True)):
        for action in transaction.receive(event):
            if isinstance(action, Reject):
                return None
            if isinstance(action, ReplaceBody):
                body = action.data
    return body


def check_all(snapshot, count):
    """Try every attack in every body; return how many were tried and what went on."""
    texts = attacks(snapshot.filter(), count)
    tried, passed = 0, []
    for text in texts:
        for name, (body, kind) in wire_bodies(text).items():
            tried += 1
            gone = goes_on(snapshot, body, kind)
            if gone is not None and any(text in found for found in readings(gone)):
                passed.append((name, text[:60]))
    return len(texts), tried, passed


def test_attacks_in_every_body(snapshot):
    """A few attacks; there are at least 56 bodies."""
    count, tried, passed = check_all(snapshot, 5)

    assert passed == []
    assert tried >= 56 * count > 0


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_two_hundred_attacks_in_every_body(snapshot):
    """200 attacks in 57 bodies: 0 where a first-wins or last-wins parser finds text that went on unjudged."""
    count, tried, passed = check_all(snapshot, 200)
    print(f"{count} attacks, {tried} bodies, {len(passed)} passed")

    assert passed == []
    assert tried >= 56 * count
