"""The shipped rules read disguised text as they read plain text."""

import random

import pytest

from sidecar.model import Segment, Verdict
from sidecar.training.evasions import EVASIONS

FAMILIES = ("injection", "jailbreak", "extraction")
SAMPLES = 48


@pytest.fixture(scope="module")
def blocks(snapshot):
    """Tell whether a user's text is blocked."""
    lane = snapshot.filter().lane

    def ask(text):
        return snapshot.engine.judge([Segment(text, "request.user")], lane).verdict is Verdict.BLOCK

    return ask


def samples(snapshot, kind, wanted):
    """Return the rules' own texts of one kind that get the verdict they should, the same ones every time."""
    own = [
        case.text
        for document in snapshot.bundle.documents
        if document.path.split("/")[0] in FAMILIES and document.schema.paranoia == 1
        for case in getattr(document.schema.tests, kind)
        if case.target is None and wanted(case.text)
    ]
    return random.Random(5).sample(own, min(SAMPLES, len(own)))


def shares(texts, blocks):
    """Return which share of the texts is blocked after each evasion."""
    return {
        name: sum(blocks(evade(text, random.Random(place))) for place, text in enumerate(texts)) / len(texts)
        for name, evade in EVASIONS.items()
    }


def test_attacks_in_disguise_are_blocked(snapshot, blocks):
    """After one evasion, 93 of 100 attacks in all the rules' languages are blocked still; on corpora it is 98."""
    found = shares(samples(snapshot, "positive", blocks), blocks)

    assert sum(found.values()) / len(found) > 0.93, sorted(found.items(), key=lambda item: item[1])[:9]


def test_harmless_text_in_disguise_passes(snapshot, blocks):
    """After one evasion, hardly any near miss is blocked for being disguised."""
    found = shares(samples(snapshot, "negative", lambda text: not blocks(text)), blocks)

    assert sum(found.values()) / len(found) <= 0.01, sorted(found.items(), key=lambda item: -item[1])[:9]
