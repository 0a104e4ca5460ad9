"""Limits of a policy: in bytes, code points, tokens, messages and depth, for texts and bodies."""

import json

import pytest

from sidecar.app import load_snapshot
from sidecar.core.limits import depth_of
from sidecar.core.schemas import request_schema, response_schema
from sidecar.settings import Options
from tests.delivery.parts import bundle
from tests.delivery.test_sources import write

PATH = "/v1/chat/completions"
POLICY = """
schema: 1
name: limited
threshold: {action: 'off'}
families: {injection: {action: rule}}
limits: {body_bytes: 400, text_chars: 100, tokens: 60, messages: 3, depth: 4}
"""


@pytest.fixture(scope="module")
def check(tmp_path_factory):
    folder = tmp_path_factory.mktemp("limits")
    write(folder / "rules", bundle())
    (folder / "policy.yaml").write_text(POLICY)
    return load_snapshot(Options(rules=folder / "rules", policy=str(folder / "policy.yaml"))).filter()


def chat(*texts, **more):
    return json.dumps({"messages": [{"role": "user", "content": text} for text in texts], **more}).encode()


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (chat("x" * 90), None),
        (chat("a", "b", "c"), None),
        (chat("x" * 380), "bytes"),
        (chat("x" * 101), "code points"),
        (chat("x" * 99, "y" * 99), "tokens"),
        (chat("a", "b", "c", "d"), "messages"),
        (chat("a", tools=[[[1]]]), None),
        (chat("a", tools=[[[[1]]]]), "levels"),
        (chat('[[[[[[ {{{{ "'), None),
    ],
)
def test_a_request_beyond_a_limit_is_refused(check, body, says):
    """With 413, and the limit's unit in the reason; brackets inside texts are no depth."""
    decision = check.check_body(body, request_schema(PATH), "request").decision

    assert (decision.http_status if decision.reason else 200) == (413 if says else 200)
    assert decision.reason == ("limits.exceeded" if says else "")
    assert (says or "") in decision.detail


def test_answers_are_limited_in_bytes_code_points_and_depth(check):
    """How many tokens an answer has is the model's business, and budgets'."""
    answers = [json.dumps({"choices": [{"message": {"content": text}}]}).encode() for text in ("x" * 90, "y" * 101)]
    decisions = [check.check_body(answer, response_schema(PATH), "response").decision for answer in answers]

    assert [decision.reason for decision in decisions] == ["", "limits.exceeded"]


def test_texts_have_tokens_too(check):
    """Four bytes each: seventy letters of three bytes are 53 tokens, ninety are 68."""
    reasons = [check.check_text("語" * count).decision.reason for count in (70, 90)]

    assert reasons == ["", "limits.exceeded"]


def test_depth_ends_at_the_limit():
    """Ten million brackets are not counted to the end."""
    assert depth_of(b"[" * 10_000_000, 4) == 5
