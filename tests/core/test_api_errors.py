"""Refusals look like errors of the caller's own API."""

import json

import pytest

from sidecar.core.api_errors import Fault, blocked, error_body
from sidecar.model import Decision, Finding, Segment, Verdict

FAULT = Fault(403, "blocked", "No.", rules=("rule-a",), place="/messages/0/content", decision_id="d1")

SHAPES = {
    "openai.chat": {
        "error": {
            "message": "No.",
            "type": "permission_error",
            "code": "blocked",
            "param": "/messages/0/content",
            "rules": ["rule-a"],
            "decision_id": "d1",
        }
    },
    "anthropic.messages": {
        "type": "error",
        "error": {
            "type": "permission_error",
            "message": "No.",
            "code": "blocked",
            "rules": ["rule-a"],
            "decision_id": "d1",
        },
    },
    "gemini.generate": {
        "error": {
            "code": 403,
            "message": "No.",
            "status": "PERMISSION_DENIED",
            "details": [
                {
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                    "reason": "BLOCKED",
                    "domain": "portcullis.local",
                    "metadata": {"rules": "rule-a", "decision_id": "d1"},
                }
            ],
        }
    },
    "bedrock.converse": {"message": "No.", "code": "blocked", "rules": ["rule-a"], "decision_id": "d1"},
    "cohere.chat": {"message": "No.", "code": "blocked", "rules": ["rule-a"], "decision_id": "d1"},
    "ollama": {"error": "No.", "code": "blocked", "rules": ["rule-a"], "decision_id": "d1"},
    "mcp": {
        "jsonrpc": "2.0",
        "id": None,
        "error": {
            "code": -32001,
            "message": "No.",
            "data": {"code": "blocked", "status": 403, "rules": ["rule-a"], "decision_id": "d1"},
        },
    },
}
SHAPES["json"] = SHAPES["text"] = SHAPES["openai.responses"] = SHAPES["openai.chat"]
SHAPES["a2a"] = SHAPES["mcp"]


@pytest.mark.parametrize("name", SHAPES)
def test_body_has_the_apis_shape(name):
    """Each API's client finds the message where it looks for it."""
    assert json.loads(error_body(name, FAULT)) == SHAPES[name]


@pytest.mark.parametrize("status", [400, 403, 408, 413, 415, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("name", SHAPES)
def test_every_status_has_a_body(name, status):
    """No status is without words in any shape."""
    assert "No." in json.dumps(json.loads(error_body(name, Fault(status, "code", "No."))))


def finding(rule, verdict, path="/p"):
    return Finding(rule, "injection", 0, 4, 0.9, Segment("text that stays here", "request.user", path), verdict=verdict)


def test_block_names_deciding_rules_and_the_place_only():
    """Rules that only flagged are not named, and the text never is."""
    findings = (finding("flagged", Verdict.FLAG, "/a"), finding("deciding", Verdict.BLOCK, "/b"))

    fault = blocked(Decision(Verdict.BLOCK, findings=findings), direction="request")

    assert (fault.rules, fault.place) == (("deciding",), "/b")
    assert "flagged" not in fault.message
    assert "stays here" not in error_body("openai.chat", fault).decode()


def test_long_lists_of_rules_are_cut():
    """The error does not grow with the message."""
    findings = tuple(finding(f"rule-{number}", Verdict.BLOCK) for number in range(100))

    fault = blocked(Decision(Verdict.BLOCK, findings=findings), direction="response")

    assert fault.message.count("rule-") == 5
    assert len(json.loads(error_body("json", fault))["error"]["rules"]) == 5
