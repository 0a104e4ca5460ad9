"""Goal 4: attacks in every way of writing a body; none goes on where some parser of the upstream would find it."""

import functools

import pytest

from sidecar import config
from sidecar.core.exchange import BodyEvent, BodyMode, Caller, HeadersEvent, Modes, Reject, ReplaceBody
from sidecar.core.transaction import Transaction
from sidecar.model import Verdict
from sidecar.rules.bundle import read_bundle
from sidecar.rules.samples import expand
from tests.chaos.bodies import readings, wire_bodies


@functools.cache
def attacks(check, count):
    """Texts that must be blocked wherever they stand: examples of the rules' own tests."""
    bundle = read_bundle(config.read_folder(config.shipped_rules()))
    found = []
    for document in bundle.documents:
        for example in document.schema.tests.positive:
            text = expand(example.text, 1)
            # Rules judge each role by itself; what is blocked for all is what the oracle may insist on.
            if "\n" not in text and all(
                check.check_text(text, target).decision.verdict is Verdict.BLOCK
                for target in ("request.user", "request.system", "request.tool_result", "request.assistant")
            ):
                found.append(text)
    return found[:: max(1, len(found) // count)][:count]


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
    """200 attacks in 59 bodies: 0 where a first-wins or last-wins parser finds text that went on unjudged."""
    count, tried, passed = check_all(snapshot, 200)
    print(f"{count} attacks, {tried} bodies, {len(passed)} passed")

    assert passed == []
    assert tried >= 56 * count
