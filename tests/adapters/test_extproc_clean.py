"""Prepared answers say what their slow twin says, to the byte's meaning."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.adapters._pb import external_processor_pb2 as pb
from sidecar.adapters.extproc import to_response
from sidecar.adapters.extproc_clean import prepared
from sidecar.core.exchange import BodyMode, Continue, HeaderEdits, Modes, Reject, ReplaceBody

DIRECTIONS = st.sampled_from(["request", "response"])
PARTS = st.sampled_from(["headers", "body", "trailers"])
FACTS = st.fixed_dictionaries(
    {
        "verdict": st.sampled_from(["allow", "flag"]),
        "score": st.floats(0, 1),
        "rules": st.lists(st.sampled_from(["a-rule", "another"]), max_size=2),
        "revision": st.text(max_size=8),
        "decision_id": st.text(max_size=30),
        "format": st.sampled_from(["openai.chat", "text"]),
    },
    optional={"reason": st.just("malformed_body"), "enforcement": st.just("shadow")},
)


def same(action):
    """Compare the two, where something is prepared; say whether it was."""
    fast = prepared(action)
    if fast is not None:
        assert pb.ProcessingResponse.FromString(fast) == to_response(action)
    return fast is not None


@given(DIRECTIONS, PARTS, st.none() | FACTS, st.sampled_from(["portcullis", "x"]))
def test_prepared_answers_equal_the_slow_ones(direction, part, facts, namespace):
    """Any part of any direction, with any facts that may be published."""
    metadata = {namespace: {direction: facts}} if facts else None

    same(Continue(direction, part, metadata=metadata))


@pytest.mark.parametrize("part", ["headers", "body", "trailers"])
def test_clean_answers_are_prepared(part):
    """What nearly every exchange gets takes the fast path; ids of one length share a frame."""
    for id_ in ("0123456789abcdef.request", "fedcba9876543210.request"):
        facts = {"verdict": "allow", "score": 0.0, "rules": [], "revision": "r", "decision_id": id_, "format": "text"}

        assert same(Continue("request", part, metadata={"portcullis": {"request": facts}}))
        assert same(Continue("request", part))


@pytest.mark.parametrize(
    "action",
    [
        Continue("request", "headers", HeaderEdits((("a", "b"),))),
        Continue("request", "headers", HeaderEdits((), ("a",))),
        Continue("request", "headers", override=Modes(BodyMode.BUFFERED, BodyMode.NONE)),
        ReplaceBody("request", b"x"),
        Reject(403, "blocked", b"{}", ()),
    ],
)
def test_answers_that_change_something_are_not_prepared(action):
    """They are written in full."""
    assert prepared(action) is None


def test_texts_of_facts_never_meet_the_place_of_the_id():
    """A fact that holds the placeholder's byte cannot move the id."""
    id_ = "0123456789abcdef"
    facts = {"verdict": "allow", "rules": [], "revision": "\x01" * 16, "decision_id": id_, "format": "text"}

    same(Continue("request", "body", metadata={"portcullis": {"request": facts}}))
