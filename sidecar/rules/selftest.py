"""Runs the rules' own tests through an engine: a positive must give a finding of that rule, a negative none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from sidecar.core.decide import Response, TargetPolicy
from sidecar.core.engine import Engine, Lane
from sidecar.core.plan import GateTable, compile_plan
from sidecar.model import TARGETS, Segment
from sidecar.rules.bundle import Bundle, Document
from sidecar.rules.documents import line_of
from sidecar.rules.samples import expand
from sidecar.rules.schema import CaseSchema

_NOISIEST = 4


class Outcome(msgspec.Struct, frozen=True):
    """How one test of a rule ended.

    Args:
        rule: the rule's id.
        case: the test's number.
        desc: the test's own words.
        wanted: whether the rule should find something.
        passed: whether it did as wanted.
        place: `path:line` of the test.
    """

    rule: str
    case: int
    desc: str
    wanted: bool
    passed: bool
    place: str

    def __str__(self) -> str:
        """Say what went wrong, without the sample's text."""
        what = "should be found and is not" if self.wanted else "should be left alone and is found"
        return f"{self.place}: {self.rule} test {self.case} ({self.desc}): {what}"


def lane_of_everything(table: GateTable, families: Sequence[str]) -> Lane:
    """Return a lane in which every rule of every family runs and keeps its own verdict; no score decides."""
    response = Response(action=None, min_confidence=0.0, operator=lambda _entity, text: text)
    policy = TargetPolicy(families=dict.fromkeys((*families, "pii"), response), entities={}, block_paranoia=_NOISIEST)
    plans = {
        target: compile_plan(table, target, detect_paranoia=_NOISIEST, families=families, excluded=())
        for target in TARGETS
    }
    return Lane(plans=plans, policies=dict.fromkeys(TARGETS, policy))


def run_tests(
    bundle: Bundle, engine: Engine, lane: Lane, *, only: Sequence[str] = (), each: int | None = None
) -> Iterator[Outcome]:
    """Run the rules' own tests.

    Args:
        bundle: the rules with their tests.
        engine: runs them.
        lane: from `lane_of_everything`.
        only: ids of the rules to test; all of them where it is empty.
        each: how many positives and how many negatives of each rule; None: all.

    Yields:
        The outcome of each test, in the order of the bundle.
    """
    for document in bundle.documents:
        if only and document.schema.id not in only:
            continue
        tests = document.schema.tests
        for kind, cases in (("positive", tests.positive), ("negative", tests.negative)):
            for index, case in enumerate(cases[:each]):
                found = is_found(document, case, engine, lane)
                wanted = kind == "positive"
                place = document.path
                if found is not wanted:
                    line = line_of(document.data, document.path, "tests", kind, index)
                    place = f"{document.path}:{line}"
                yield Outcome(document.schema.id, case.id, case.desc, wanted, found is wanted, place)


def is_found(document: Document, case: CaseSchema, engine: Engine, lane: Lane) -> bool:
    """Tell whether a rule finds something in one of its samples."""
    segment = Segment(expand(case.text, case.id), case.target or first_target(document))
    decision = engine.judge((segment,), lane)
    return any(finding.rule == document.schema.id for finding in decision.findings)


def first_target(document: Document) -> str:
    """Return the target that a test means where it names none: the first that the rule reads."""
    wanted = document.schema.targets[0]
    return wanted if wanted in TARGETS else "response.text" if wanted.startswith("response") else "request.user"
