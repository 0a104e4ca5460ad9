"""Step 4, confirm: the second look at what the gates named; only here do matches become findings with spans."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from sidecar.core.checks import CHECKS
from sidecar.core.reach import Window, search, windows
from sidecar.core.scan import Found, Hits, Recognizer
from sidecar.model import Finding, Pattern, Rule, Segment, Verdict, View

# A message with more findings than this says nothing new; what is left of it is refused as `limits.exceeded`.
FINDINGS_LIMIT = 1000
# What second looks may search, in code points, counted anew for each expression and view. Of the corpora, a benign text
# needs 18 times its length and an attack 26 times; 200 KB of source code in one text 81 times; a text that fires every
# rule, 1,200 times.
SEARCHES_LIMIT = 128
SEARCH_BASE = 1_000_000
# Some seconds on a slow core.
SEARCH_LIMIT = 100_000_000
# In answers, `also` counts up to so many code points before a match: streams keep no more of what has left.
ALSO_REACH = 128
# The rule named where a text is disguised more deeply, or decodes to more, than is undone; under the failure policy.
LIMIT_RULE = "limits.exceeded"


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """A pattern of a rule that a gate asks to be confirmed."""

    rule: Rule
    pattern: Pattern
    keywords: frozenset[int]
    also: frozenset[int]


class Plan(msgspec.Struct, frozen=True):
    """What one policy asks of texts with one target: gate index to the work it triggers; compiled at load."""

    candidates: Mapping[int, tuple[Candidate, ...]]
    recognizer_gates: Mapping[int, tuple[int, int]]
    recognizers: tuple[Recognizer, ...]
    entities: frozenset[str] | None = None
    _gates: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        """Work out once which gates trigger anything."""
        msgspec.structs.force_setattr(self, "_gates", frozenset((*self.candidates, *self.recognizer_gates)))

    def asks(self, fired: Sequence[int]) -> bool:
        """Say whether one of the gates that fired triggers anything."""
        return not self._gates.isdisjoint(fired)


def confirm(hits: Sequence[Hits], plans: Mapping[str, Plan]) -> list[Finding]:
    """Confirm the gates that fired.

    Args:
        hits: the views in which gates fired.
        plans: the plan of each target.

    Returns:
        Findings in code points of their segments, in order of views.

    Raises:
        RecognizerError: a recognizer could not inspect a text in full.
    """
    asked = [hit for hit in hits if hit.exceeded or plans[hit.view.segment.target].asks(hit.gates)]
    if not asked:
        return []  # all that fired are anchors of the score, which looks for itself
    findings: list[Finding] = []
    allowance = Allowance.of(hits)
    for hit in asked:
        plan = plans[hit.view.segment.target]
        findings.extend(_confirm_rules(hit, plan, allowance))
        if hit.exceeded or allowance.spent:
            findings.append(_limit_finding(hit.view.segment))
        if not hit.view.chain:
            findings.extend(_recognise(hit, plan))
    return _distinct(findings) if findings else findings


def confirm_rules(hits: Sequence[Hits], plans: Mapping[str, Plan]) -> list[Finding]:
    """Confirm the gates of rules only, without recognizers and bounds; for texts that were put together here."""
    allowance = Allowance.of(hits)
    return _distinct(
        [found for hit in hits for found in _confirm_rules(hit, plans[hit.view.segment.target], allowance)]
    )


def _limit_finding(segment: Segment) -> Finding:
    return Finding(LIMIT_RULE, "limits", 0, len(segment.text), 1.0, segment, verdict=Verdict.BLOCK)


def _distinct(findings: list[Finding]) -> list[Finding]:
    """Drop what a second view says again: the same rule about the same span."""
    return list({(f.rule, id(f.segment), f.start, f.end): f for f in reversed(findings)}.values())[::-1]


class Allowance:
    """What second looks may cost for one message; a text that fires every rule at every byte runs out of it.

    Args:
        characters: how many may be searched, counted anew for each expression.
    """

    def __init__(self, characters: int) -> None:
        self._characters = characters
        self._findings = FINDINGS_LIMIT

    @classmethod
    def of(cls, hits: Sequence[Hits]) -> Allowance:
        """Return the allowance of a message, by the length of its texts."""
        length = sum({id(hit.view.segment): len(hit.view.segment.text) for hit in hits}.values())
        return cls(min(SEARCH_BASE + SEARCHES_LIMIT * length, SEARCH_LIMIT))

    @property
    def spent(self) -> bool:
        """Whether something was left unsearched or unreported."""
        return self._characters < 0 or self._findings < 0

    def search(self, length: int) -> bool:
        """Ask to search so many characters; False where that is too many."""
        self._characters -= length
        return not self.spent

    def report(self) -> bool:
        """Ask to report one more finding; False where that is too many."""
        self._findings -= 1
        return not self.spent


def _confirm_rules(hit: Hits, plan: Plan, allowance: Allowance) -> Iterator[Finding]:
    fired = frozenset(hit.gates)
    seen: set[int] = set()
    lowered = ""
    for gate in hit.gates:
        for candidate in plan.candidates.get(gate, ()):
            if id(candidate) in seen:
                continue
            seen.add(id(candidate))
            if candidate.rule.transforms.issuperset(hit.view.chain) and (
                not candidate.also or not candidate.also.isdisjoint(fired)
            ):
                lowered = lowered or hit.view.text.lower()
                within = _within(candidate.pattern, hit.view, lowered)
                if not allowance.search(sum(end - start for start, end in within)):
                    return
                for finding in match(candidate.rule, candidate.pattern, hit.view, within):
                    if not allowance.report():
                        return
                    yield finding


def _begin(view: View) -> int:
    """Return from where a view is searched: the text itself from where new text begins, other views whole."""
    return view.segment.start if view.locate is None else 0


def _within(pattern: Pattern, view: View, lowered: str) -> Sequence[Window]:
    """Return the parts of a view in which a pattern can match."""
    if pattern.regex is None:
        return ((_begin(view), len(view.text)),)
    return windows(pattern.regex, view.text, lowered, _begin(view))


def match(rule: Rule, pattern: Pattern, view: View, within: Sequence[Window] | None = None) -> Iterator[Finding]:
    """Look for one alternative of a rule in a view, whatever the gates said.

    Args:
        rule: whose pattern it is.
        pattern: the alternative.
        view: where to look; what it finds in text that is not new is dropped.
        within: the only parts that can hold a match; None for the whole view, which finds the same.
    """
    if pattern.regex:
        everywhere = ((_begin(view), len(view.text)),)
        spans = _regex_spans(pattern.regex, rule, view.text, everywhere if within is None else within)
    else:
        spans = _keyword_spans(pattern, rule, view.text, _begin(view))
    also = pattern.also if view.segment.target.startswith("response.") else ()
    for start, end, around in spans:
        if also and not _stands_near(also, rule, view.text, around or (start, end)):
            continue
        if view.locate is not None:
            start, end = view.locate(start, end)  # noqa: PLW2901 - same span, mapped to the segment
            around = around and view.locate(*around)  # noqa: PLW2901 - likewise
            if end <= view.segment.start:
                continue
            start = max(start, view.segment.start)  # noqa: PLW2901 - the part that is new
        yield Finding(
            rule=rule.id,
            family=rule.family,
            start=start,
            end=end,
            confidence=rule.confidence,
            segment=view.segment,
            entity=rule.entity,
            verdict=rule.verdict,
            paranoia=rule.paranoia,
            chain=view.chain,
            around=around,
        )


def _stands_near(words: Sequence[str], rule: Rule, text: str, span: tuple[int, int]) -> bool:
    near = text[max(0, span[0] - ALSO_REACH) : span[1]]
    if not rule.caseless:
        return any(word in near for word in words)
    near = near.lower()
    return any(word.lower() in near for word in words)


# Where something was found, and what had to be read to find it, where that is more.
Span = tuple[int, int, tuple[int, int] | None]


def _regex_spans(regex: re.Pattern[str], rule: Rule, text: str, within: Sequence[Window]) -> Iterator[Span]:
    group: str | int = "secret" if "secret" in regex.groupindex else 0
    for found in search(regex, text, within):
        if all(CHECKS[check.name](found[check.group] or "", check) for check in rule.confirm):
            yield *found.span(group), found.span() if group else None


def _keyword_spans(pattern: Pattern, rule: Rule, text: str, begin: int) -> Iterator[Span]:
    haystack = text.lower() if rule.caseless else text
    if len(haystack) != len(text):  # lowering İ adds a code point and would shift spans
        haystack = text
    for keyword in pattern.keywords:
        needle = keyword.lower() if rule.caseless else keyword
        start = haystack.find(needle, begin)
        while start >= 0:
            yield start, start + len(needle), None
            start = haystack.find(needle, start + len(needle))


def _recognise(hit: Hits, plan: Plan) -> Iterator[Finding]:
    if plan.recognizer_gates.keys().isdisjoint(hit.gates):
        return
    fired: dict[int, list[int]] = {}
    for gate in hit.gates:
        owner = plan.recognizer_gates.get(gate)
        if owner is not None:
            fired.setdefault(owner[0], []).append(owner[1])
    segment = hit.view.segment
    for index, gates in fired.items():
        for found in plan.recognizers[index].find(segment.text, gates):
            if found.start >= segment.start and (plan.entities is None or found.entity in plan.entities):
                yield _entity_finding(found, segment)


def _entity_finding(found: Found, segment: Segment) -> Finding:
    return Finding(
        rule=f"pii-{found.entity.lower().replace('_', '-')}",
        family="pii",
        start=found.start,
        end=found.end,
        confidence=found.confidence,
        segment=segment,
        entity=found.entity,
    )
