"""Step 5, decide: findings, score and policy give one verdict and the edits that carry it out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from sidecar.core import overlaps
from sidecar.core.operators import Operator
from sidecar.core.operators.pseudonymise import Pseudonymise
from sidecar.core.pseudonyms import Pseudonyms
from sidecar.core.sanitise import Delimiters, sanitise
from sidecar.core.splice import apply_edits
from sidecar.model import Action, Decision, Edit, Finding, Kind, Segment, Verdict

# The rule named where the score alone decides; its span is the whole segment.
SCORE_RULE = "injection-score"
# The rule named where the policy sanitises every text with a target.
SANITISE_RULE = "sanitise-always"
# A number is an entity only where a checksum or its key makes it likely: its digits alone are no reason to mask it.
NUMBER_CONFIDENCE = 0.4
# Four of five Unix timestamps are valid telephone numbers somewhere; with a key that says so, Presidio gives 0.75.
_BARE_NUMBER_CONFIDENCE = {"PHONE_NUMBER": 0.5}


class Response(msgspec.Struct, frozen=True):
    """What a policy does about one kind of finding.

    Args:
        action: what is done; None leaves the rule's own verdict.
        min_confidence: findings below it are dropped,
        operator: what masking does.
        min_digits: unless they hold so many digits: a long number is somebody's, whatever it is called; 0: never.
    """

    action: Action | None
    min_confidence: float
    operator: Operator
    min_digits: int = 0


class TargetPolicy(msgspec.Struct, frozen=True):
    """A policy for texts with one target, compiled at load.

    Args:
        families: the response by family; a family that is missing is off.
        entities: the response by entity type, before the family's.
        block_paranoia: rules above it are reported and cannot do more.
        flag_score: injection score from which the text is flagged; above 1: never.
        block_score: injection score from which `score_action` is taken; above 1: never.
        score_action: what to do at `block_score`.
        always_sanitise: whether every text is sanitised, finding or not.
        delimiters: what sanitised text is wrapped in.
    """

    families: Mapping[str, Response]
    entities: Mapping[str, Response]
    block_paranoia: int = 1
    flag_score: float = 2.0
    block_score: float = 2.0
    score_action: Action = Action.BLOCK
    always_sanitise: bool = False
    delimiters: Delimiters = Delimiters()

    @property
    def is_active(self) -> bool:
        """Whether anything can come of a text."""
        return bool(self.families or self.always_sanitise or min(self.flag_score, self.block_score) <= 1)


Scored = Sequence[tuple[Segment, float]]


def decide(
    segments: Sequence[Segment],
    findings: Sequence[Finding],
    scores: Scored,
    policies: Mapping[str, TargetPolicy],
    *,
    revision: str,
    pseudonyms: Pseudonyms | None = None,
) -> Decision:
    """Combine findings and scores under the policy of each target.

    Args:
        segments: the texts of the message.
        findings: what was confirmed in them.
        scores: the injection score of each segment, 0..1; segments without a score are 0.
        policies: the policy of each target.
        revision: the revision of the rules that were used.
        pseudonyms: of the exchange, for operators that need them.

    Returns:
        The decision; its findings carry the verdict that each one led to, in order of segments and spans.
    """
    judged = _settled([item for finding in findings for item in _judge(finding, policies[finding.segment.target])])
    for segment, score in scores:
        judged.extend(_judge_score(segment, score, policies[segment.target], judged))
    judged.extend(
        (Finding(SANITISE_RULE, "sanitise", 0, len(segment.text), 1.0, segment), Action.SANITISE, _keep)
        for segment in segments
        if policies[segment.target].always_sanitise and segment.kind is Kind.TEXT
    )
    # In the order of the message, so that pseudonyms are numbered as a reader would: a path sorts /10 before /2.
    places = {segment.path: place for place, segment in enumerate(segments)}
    judged.sort(key=lambda item: (places.get(item[0].segment.path, 0), item[0].start, -item[0].end))
    verdict = max((action.verdict for _, action, _ in judged), default=Verdict.ALLOW)
    return Decision(
        verdict=verdict,
        score=max((score for _, score in scores), default=0.0),
        findings=tuple(msgspec.structs.replace(finding, verdict=action.verdict) for finding, action, _ in judged),
        edits=tuple(_edits(judged, policies, pseudonyms)) if verdict is Verdict.MASK else (),
        revision=revision,
    )


Judged = tuple[Finding, Action, Operator]


def _judge(finding: Finding, policy: TargetPolicy) -> list[Judged]:
    response = policy.entities.get(finding.entity or "") or policy.families.get(finding.family)
    if response is None or _is_unlikely(finding, response):
        return []
    action = response.action or Action(finding.verdict.label)
    if action is Action.ALLOW:
        return []
    if finding.paranoia > policy.block_paranoia:
        action = Action.FLAG
    return [(finding, action, response.operator)]


def _is_unlikely(finding: Finding, response: Response) -> bool:
    if finding.segment.kind is Kind.NUMBER and finding.entity:
        least = _BARE_NUMBER_CONFIDENCE.get(finding.entity, NUMBER_CONFIDENCE)
        return finding.confidence < max(least, response.min_confidence)
    return finding.confidence < response.min_confidence and not _is_long_number(finding, response)


def _is_long_number(finding: Finding, response: Response) -> bool:
    if not response.min_digits:
        return False
    held = sum(map(str.isdigit, finding.segment.text[finding.start : finding.end]))
    return held >= response.min_digits


def _settled(judged: list[Judged]) -> list[Judged]:
    """Say each thing once: resolve overlaps among entities, and within each other rule, text by text; drop noise."""
    groups: dict[tuple[int, str], list[Judged]] = {}
    for item in judged:
        finding = item[0]
        if not overlaps.is_noise(finding):
            name = finding.family if finding.family == "pii" else finding.rule
            groups.setdefault((id(finding.segment), name), []).append(item)
    settled: list[Judged] = []
    for items in groups.values():
        kept = overlaps.keep([(finding, action.verdict) for finding, action, _ in items])
        settled += [item for item, stays in zip(items, kept, strict=True) if stays]
    return settled


def _judge_score(segment: Segment, score: float, policy: TargetPolicy, judged: Sequence[Judged]) -> list[Judged]:
    if score < min(policy.flag_score, policy.block_score) or score <= 0:
        return []
    action = policy.score_action if score >= policy.block_score else Action.FLAG
    named = any(f.segment is segment and f.family != "pii" and a.verdict >= action.verdict for f, a, _ in judged)
    if named:  # a rule already says it, with a span
        return []
    finding = Finding(SCORE_RULE, "injection", 0, len(segment.text), score, segment)
    return [(finding, action, _keep)]


def _keep(_entity: str, text: str) -> str:
    return text


def _edits(judged: Sequence[Judged], policies: Mapping[str, TargetPolicy], pseudonyms: Pseudonyms | None) -> list[Edit]:
    """Turn masks into edits; where a segment is sanitised, one edit replaces the whole of it."""
    segments = {item[0].segment.path: item[0].segment for item in judged}
    edits: list[Edit] = []
    for path, segment in segments.items():
        mine = [item for item in judged if item[0].segment.path == path]
        masks = _resolve(mine, pseudonyms)
        if any(action is Action.SANITISE for _, action, _ in mine):
            text = sanitise(apply_edits(segment.text, masks), policies[segment.target].delimiters)
            masks = [Edit(path, 0, len(segment.text), text)]
        edits.extend(masks if segment.kind is Kind.TEXT else [_of_number(edit, segment) for edit in masks])
    return edits


def _of_number(edit: Edit, segment: Segment) -> Edit:
    """Return an edit of a number's digits, without the key before them."""
    return Edit(edit.path, max(0, edit.start - segment.start), edit.end - segment.start, edit.replacement)


def _resolve(judged: Sequence[Judged], pseudonyms: Pseudonyms | None) -> list[Edit]:
    """Resolve overlaps: the more confident finding wins, then the longer one, and covers the union of both spans."""
    masks = [item for item in judged if item[1] is Action.MASK]
    merged: list[tuple[int, int, Judged]] = []
    for item in masks:
        finding = item[0]
        if merged and finding.start < merged[-1][1]:
            start, end, other = merged[-1]
            winner = max(other, item, key=lambda it: (it[0].confidence, it[0].end - it[0].start))
            merged[-1] = (start, max(end, finding.end), winner)
        else:
            merged.append((finding.start, finding.end, item))
    edits = []
    for start, end, (finding, _, operator) in merged:
        text = finding.segment.text[start:end]
        if pseudonyms is not None and isinstance(operator, Pseudonymise):
            operator = operator.within(pseudonyms)  # noqa: PLW2901 - the same operator, bound to the exchange
        edits.append(Edit(finding.segment.path, start, end, operator(finding.entity or finding.rule.upper(), text)))
    return edits
