"""Why a rule finds something in a text, or does not: segment, view, keyword, regex, check, step by step."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from sidecar.core.checks import CHECKS
from sidecar.core.confirm import Candidate, match
from sidecar.core.normalise import normalise
from sidecar.core.plan import GateTable
from sidecar.core.scan import Scanner, scan
from sidecar.model import Segment, View


class Step(msgspec.Struct, frozen=True):
    """How far one alternative of a rule came in one view.

    Args:
        rule: the rule's id.
        alternative: the index of the alternative, from 0.
        keywords: the keywords that are present.
        reached: `keyword`, `also`, `transforms`, `target`, `regex`, `confirm` where it stopped, or `found`.
        detail: the reason, in words.
        spans: what was found, in code points of the segment.
    """

    rule: str
    alternative: int
    keywords: tuple[str, ...]
    reached: str
    detail: str
    spans: tuple[tuple[int, int], ...] = ()


class ViewSteps(msgspec.Struct, frozen=True):
    """A view of the text, and how far each rule came in it."""

    view: View
    steps: tuple[Step, ...]


def explain(segment: Segment, table: GateTable, scanner: Scanner, *, only: Collection[str] = ()) -> list[ViewSteps]:
    """Trace rules over a text.

    Args:
        segment: the text and its target.
        table: the gates of the rules.
        scanner: built from them.
        only: ids of the rules to trace, every alternative of theirs; where empty, all rules of which a keyword is present.

    Returns:
        One entry for each view, the text itself first.
    """
    traced = []
    views = normalise([segment])
    hits = scan(views, scanner, table.signs)
    for view in dict.fromkeys((*views, *(hit.view for hit in hits))):
        fired = frozenset(scanner.scan(view.text))
        number: dict[str, int] = {}
        steps = []
        for candidate in table.candidates:
            index = number[candidate.rule.id] = number.get(candidate.rule.id, -1) + 1
            if candidate.rule.id in only or (not only and fired & candidate.keywords):
                steps.append(_step(candidate, index, view, fired, table))
        traced.append(ViewSteps(view, tuple(steps)))
    return traced


def _step(candidate: Candidate, index: int, view: View, fired: frozenset[int], table: GateTable) -> Step:
    rule = candidate.rule
    present = tuple(table.gates[gate].expression for gate in sorted(fired & candidate.keywords))

    def stop(reached: str, detail: str) -> Step:
        return Step(rule.id, index, present, reached, detail)

    if not present:
        return stop("keyword", f"none of the keywords is present: {', '.join(candidate.pattern.keywords)}")
    if candidate.also and candidate.also.isdisjoint(fired):
        return stop("also", f"none of `also` is present: {', '.join(candidate.pattern.also)}")
    if view.segment.target not in rule.targets:
        return stop("target", f"the rule does not read {view.segment.target}")
    if not rule.transforms.issuperset(view.chain):
        return stop("transforms", f"the rule does not read views made by {', '.join(view.chain)}")
    findings = list(match(rule, candidate.pattern, view))
    if findings:
        return Step(rule.id, index, present, "found", rule.verdict.label, tuple((f.start, f.end) for f in findings))
    return stop(*_why_not(candidate, view.text))


def _why_not(candidate: Candidate, text: str) -> tuple[str, str]:
    regex = candidate.pattern.regex
    matches: Sequence[object] = list(regex.finditer(text)) if regex else ()
    if regex is None or not matches:
        return "regex", "the regex does not match"
    refused = {
        check.name
        for found in regex.finditer(text)
        for check in candidate.rule.confirm
        if not CHECKS[check.name](found[check.group] or "", check)
    }
    return "confirm", f"the regex matches; refused by: {', '.join(sorted(refused))}"
