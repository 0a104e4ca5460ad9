"""Findings, scores and policy give one verdict and its edits."""

from sidecar.core.decide import SANITISE_RULE, SCORE_RULE, Response, TargetPolicy, decide
from sidecar.core.operators import build_operator
from sidecar.core.splice import apply_edits
from sidecar.model import Action, Edit, Finding, OperatorConfig, Segment, Verdict

REPLACE = build_operator(OperatorConfig("replace"))
SEGMENT = Segment("call Ada on 555 now", "request.user", "/m")


def finding(start, end, *, family="pii", entity="PERSON", confidence=0.9, verdict=Verdict.FLAG, paranoia=1):
    return Finding("r", family, start, end, confidence, SEGMENT, entity, verdict, paranoia)


def policy(action=Action.MASK, **settings):
    response = Response(action, 0.5, REPLACE)
    return {"request.user": TargetPolicy({"pii": response, "injection": Response(None, 0, REPLACE)}, {}, **settings)}


def judge(*findings, scores=(), policies=None):
    return decide([SEGMENT], findings, scores, policies or policy(), revision="r1")


def test_nothing_found_is_allowed():
    """No finding and no score give the least verdict."""
    decision = judge()

    assert (decision.verdict, decision.findings, decision.edits) == (Verdict.ALLOW, (), ())


def test_strictest_verdict_wins_and_block_needs_no_edit():
    """Block beats mask, and a blocked message is not edited."""
    decision = judge(finding(5, 8), finding(0, 4, family="injection", entity=None, verdict=Verdict.BLOCK))

    assert (decision.verdict, decision.edits) == (Verdict.BLOCK, ())
    assert [item.verdict for item in decision.findings] == [Verdict.BLOCK, Verdict.MASK]


def test_overlap_is_masked_once_by_the_more_confident():
    """The union of overlapping spans is covered; the more confident finding names the replacement."""
    decision = judge(finding(5, 10, confidence=0.6), finding(8, 15, entity="PHONE_NUMBER", confidence=0.9))

    assert apply_edits(SEGMENT.text, decision.edits) == "call <PHONE_NUMBER> now"


def test_a_rule_says_the_same_words_once():
    """Two alternatives of one rule that match the same words are one finding, the longer one."""
    longer, shorter = (finding(0, end, family="injection", entity=None, verdict=Verdict.BLOCK) for end in (12, 8))

    assert [(item.start, item.end) for item in judge(shorter, longer).findings] == [(0, 12)]


def test_unconfident_finding_is_dropped():
    """Below the family's minimum nothing is reported."""
    assert judge(finding(5, 8, confidence=0.4)).findings == ()


def test_rule_above_the_blocking_level_only_flags():
    """Detection level and blocking level are two dials."""
    noisy = finding(0, 4, family="injection", entity=None, verdict=Verdict.BLOCK, paranoia=2)

    assert judge(noisy).verdict is Verdict.FLAG


def test_family_that_is_missing_is_off():
    """A family without settings finds nothing."""
    assert judge(finding(0, 4, family="secret")).verdict is Verdict.ALLOW


def test_score_blocks_without_a_rule():
    """The score alone gives a finding over the whole segment."""
    decision = judge(scores=[(SEGMENT, 0.95)], policies=policy(block_score=0.9, flag_score=0.5))

    assert [(SCORE_RULE, 0, len(SEGMENT.text), Verdict.BLOCK)] == [
        (f.rule, f.start, f.end, f.verdict) for f in decision.findings
    ]


def test_score_between_the_thresholds_flags():
    """From `flag` on it is reported."""
    decision = judge(scores=[(SEGMENT, 0.6)], policies=policy(block_score=0.9, flag_score=0.5))

    assert (decision.verdict, decision.score) == (Verdict.FLAG, 0.6)


def test_always_sanitised_target():
    """A policy may wrap every text of a target; masks are carried out first."""
    decision = judge(finding(5, 8), policies=policy(always_sanitise=True))

    assert apply_edits(SEGMENT.text, decision.edits) == "<user_input>call <PERSON> on 555 now</user_input>"
    assert SANITISE_RULE in {item.rule for item in decision.findings}


def test_apply_edits_in_order():
    """Edits are spliced from left to right."""
    edits = [Edit("", 0, 1, "XX"), Edit("", 2, 2, "-"), Edit("", 3, 4, "")]

    assert apply_edits("abcd", edits) == "XXb-c"
