"""Prepared answers say what the messages made one by one say."""

import pytest

from sidecar.adapters._pb import filter_pb2 as pb
from sidecar.adapters.messages import to_batch, to_bytes, to_response
from sidecar.model import Decision, Finding, Segment, Verdict

SEGMENT = Segment("some text", "request.user")
DECISIONS = [
    Decision(Verdict.ALLOW, revision="r1"),
    Decision(Verdict.ALLOW, revision="r2"),
    Decision(Verdict.ALLOW, score=0.25, revision="r1"),
    Decision(Verdict.ALLOW, revision="r1", reason="engine_failure"),
    Decision(Verdict.FLAG, findings=(Finding("rule", "secrets", 0, 4, 0.5, SEGMENT),), revision="r1"),
]


@pytest.mark.parametrize("decision", DECISIONS)
@pytest.mark.parametrize(("id_", "text"), [("", ""), ("seven é", ""), ("x" * 300, ""), ("", "masked")])
def test_bytes_are_those_of_the_message(decision, id_, text):
    """The fast answer, read again, is the slow one."""
    expected = to_response(decision, id_=id_, text=text, decision_id="0f-1")

    assert expected == pb.CheckResponse.FromString(to_bytes(decision, id_=id_, text=text, decision_id="0f-1"))


@pytest.mark.parametrize("length", [0, 1, 126, 127, 128, 16_383, 16_384, 70_000])
def test_a_batch_holds_its_responses(length):
    """Responses of every length of length are put together as protobuf does it."""
    responses = [pb.CheckResponse(id="x" * length), pb.CheckResponse(verdict=pb.VERDICT_ALLOW)]
    expected = pb.CheckBatchResponse(responses=responses)

    assert expected == pb.CheckBatchResponse.FromString(to_batch([item.SerializeToString() for item in responses]))
