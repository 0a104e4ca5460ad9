"""What streams need of the rules: the automaton of everything that could still become a match, one for each target."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from sidecar.core.confirm import Plan
from sidecar.core.engine import Engine, Lane
from sidecar.core.lookout import Lookout, Meter, Watch
from sidecar.core.prefixes import Live, PrefixAutomaton, Untranslatable, parsed
from sidecar.model import Decision, Finding, Segment

# A match of a rule without a bound, or of a recognizer that does not say, is looked for in this many code points.
WIDTH_LIMIT = 2048
# What a recognizer finds, where it does not say: a run of words and numbers, as far as an address goes.
RECOGNIZER_WIDTH = 320
# Encoded text: what is inside is known only once the run has ended.
_ENCODED = (
    (r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{16,1024}={0,2}", 0),
    (r"(?:%[0-9a-f]{2}[\w.~-]{0,8}){3,64}", 0),
    (r"(?:\\x[0-9a-f]{2}|\\u[0-9a-f]{4}|\\u\{[0-9a-f]{1,6}\}){2,64}", 0),
    (r"(?:&#x?[0-9a-f]{1,8};){2,64}", 0),
    (r"(?:[0-9a-f]{2}[ :]){8,128}", 0),
)


class Judging:
    """An engine under one lane, as the texts of one answer ask it.

    Args:
        engine: inspects.
        lane: rules and policy.
        recall: what the request gave to look for.
    """

    def __init__(self, engine: Engine, lane: Lane, recall: Lookout) -> None:
        self._engine = engine
        self._lane = lane
        self._recall = recall
        self._lookout = lane.lookout + recall

    def until(self, segment: Segment, cut: int) -> tuple[Decision, int]:
        """Judge a text up to a cut: see `Engine.judge_until`."""
        return self._engine.judge_until(segment, self._lane, cut, self._recall)

    def whole(self, segments: Sequence[Segment]) -> Decision:
        """Judge texts that are complete."""
        return self._engine.judge(segments, self._lane, self._recall)

    def rule_on(self, findings: Sequence[Finding]) -> Decision:
        """Decide about findings that were made elsewhere."""
        return self._engine.rule_on(findings, self._lane)

    def prefixes(self, target: str) -> PrefixAutomaton:
        """Return what could still become a match in texts with a target."""
        return prefixes_of(self._lane, target)

    def watches(self, target: str) -> tuple[Watch, ...]:
        """Return what says itself what could still become a finding."""
        return tuple(watch for watch in self._lookout.watches if target in watch.targets and not watch.shapes)

    def meters(self, target: str) -> list[Meter]:
        """Return new meters for one text."""
        return [make() for make in self._lookout.meters] if target == "response.text" else []


def prefixes_of(lane: Lane, target: str) -> PrefixAutomaton:
    """Return the automaton for texts with one target; it is built once for each lane, and goes with it.

    All targets of a direction share one, of what any of them looks for: their rules differ in a few patterns, and three
    automatons take three times the memory and the time to start. What is held back for another target's rule is a
    word or two that goes on with the next piece.
    """
    direction = target.partition(".")[0]
    # Lanes of one exchange share this with the lane that they were made from; those of other rules do not.
    known = lane.automatons.get(direction)
    if known is not None and known[0] is lane.plans and known[1] is lane.lookout:
        automaton = known[2]
    else:
        plans = {name: plan for name, plan in lane.plans.items() if name.startswith(f"{direction}.")}
        watches = [watch for watch in lane.lookout.watches if not watch.targets.isdisjoint(plans)]
        shapes = [shape for watch in watches for shape in watch.shapes]
        automaton = _build(*_all_of([patterns_of(plan, shapes) for plan in plans.values()]))
        lane.automatons[direction] = (lane.plans, lane.lookout, automaton)
    return automaton if lane.pseudonyms is None else EagerAutomaton(automaton)


Patterns = tuple[tuple[tuple[str, int], ...], tuple[str, ...], int]


def _all_of(every: Sequence[Patterns]) -> Patterns:
    """Return the patterns and literals of several plans, each once, and the largest width."""
    patterns = dict.fromkeys(pattern for patterns, _, _ in every for pattern in patterns)
    literals = dict.fromkeys(literal for _, literals, _ in every for literal in literals)
    return tuple(patterns), tuple(literals), max(width for _, _, width in every)


class EagerAutomaton(PrefixAutomaton):
    """Says that any character may complete a match: where pseudonyms are restored, all text is asked for them.

    Args:
        automaton: what else could become a match.
    """

    def __init__(self, automaton: PrefixAutomaton) -> None:
        self.width = automaton.width
        self._automaton = automaton

    def advance(self, live: Live, text: str, begin: int) -> None:
        """Step through a piece of text."""
        self._automaton.advance(live, text, begin)
        live.matched = begin + len(text)


def patterns_of(plan: Plan, shapes: Sequence[str] = ()) -> Patterns:
    """Return what a plan's matches look like: expressions with flags, literals, and the width of the longest match.

    Args:
        plan: rules and recognizers.
        shapes: expressions that match whatever else is looked for.
    """
    patterns: dict[tuple[str, int], None] = dict.fromkeys((*_ENCODED, *((shape, 0) for shape in shapes)))
    literals: dict[str, None] = {}
    for candidate in dict.fromkeys(item for items in plan.candidates.values() for item in items):
        if candidate.pattern.regex is None:
            literals |= dict.fromkeys(candidate.pattern.keywords)
        else:
            patterns[candidate.pattern.regex.pattern, candidate.pattern.regex.flags] = None
    if plan.recognizer_gates:
        for recognizer in plan.recognizers:
            patterns |= dict.fromkeys((shape, 0) for shape in getattr(recognizer, "shapes", (_ANYTHING,)))
    widths = [width_of(pattern) for pattern, _ in patterns] + [len(literal) for literal in literals]
    return tuple(patterns), tuple(literals), min(max(widths, default=1), WIDTH_LIMIT) + 1


# Any run of words that an entity could be part of.
_ANYTHING = rf"\S[\s\S]{{0,{RECOGNIZER_WIDTH}}}"


def width_of(pattern: str) -> int:
    """Return the code points of the longest match of an expression; `WIDTH_LIMIT` where there is no bound."""
    try:
        _, high = parsed(pattern).getwidth()
    except (re.error, OverflowError, RecursionError):
        return WIDTH_LIMIT
    return min(int(high), WIDTH_LIMIT)


@lru_cache(maxsize=64)
def _build(patterns: tuple[tuple[str, int], ...], literals: tuple[str, ...], width: int) -> PrefixAutomaton:
    try:
        return PrefixAutomaton(patterns, literals, width=width)
    except Untranslatable:
        readable = tuple(pattern for pattern in patterns if _is_readable(pattern))
        return PrefixAutomaton((*readable, (_ANYTHING, 0)), literals, width=width)


def _is_readable(pattern: tuple[str, int]) -> bool:
    try:
        PrefixAutomaton((pattern,), width=1)
    except Untranslatable:
        return False
    return True
