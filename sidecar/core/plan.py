"""What is compiled at load: the gates of all rules and recognizers, and for each target the work that a gate triggers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

import msgspec

from sidecar.core.confirm import Candidate, Plan
from sidecar.core.scan import Gate, Recognizer
from sidecar.core.transforms import TRANSFORMS
from sidecar.model import Pattern, Rule


class GateTable(msgspec.Struct, frozen=True):
    """Every distinct gate, and who asked for it.

    Args:
        gates: what the scanner is built from, in the order of their indexes.
        candidates: the patterns of all rules with the gates of their keywords.
        recognizers: in the order in which plans name them.
        recognizer_gates: gate index to (recognizer, index among its own gates).
        signs: gate index to the transforms that it is a sign of.
        anchors: the gates that ask for the injection score, and how much.
    """

    gates: tuple[Gate, ...]
    candidates: tuple[Candidate, ...]
    recognizers: tuple[Recognizer, ...]
    recognizer_gates: dict[int, tuple[int, int]]
    signs: dict[int, tuple[str, ...]]
    anchors: dict[int, float] = {}


def build_table(
    rules: Sequence[Rule], recognizers: Sequence[Recognizer] = (), anchors: Mapping[Gate, float] | None = None
) -> GateTable:
    """Collect the gates of rules, recognizers and score; rules that share a keyword share its gate."""
    indexes: dict[Gate, int] = {}

    def gate(wanted: Gate) -> int:
        return indexes.setdefault(wanted, len(indexes))

    def candidate(rule: Rule, pattern: Pattern) -> Candidate:
        anchors = _anchors(rule, pattern)
        also = frozenset(gate(_literal(rule, keyword)) for keyword in pattern.also)
        return Candidate(rule, pattern, frozenset(gate(anchor) for anchor in anchors), also)

    candidates = tuple(candidate(rule, pattern) for rule in rules for pattern in rule.patterns)
    asking = {gate(anchor): weight for anchor, weight in (anchors or {}).items()}
    own = list(indexes)
    recognizer_gates: dict[int, tuple[int, int]] = {}
    for number, recognizer in enumerate(recognizers):
        for index, wanted in enumerate(recognizer.gates):
            recognizer_gates[len(own)] = (number, index)
            own.append(wanted)
    signs = _signs(own, _words(rules))
    return GateTable(tuple(own), candidates, tuple(recognizers), recognizer_gates, signs, asking)


# Families whose keywords are looked for in disguise, too, and how long they have to be in ASCII and beyond.
_DISGUISED = frozenset({"injection", "jailbreak", "extraction", "indirect"})
_SHORTEST, _SHORTEST_ABROAD = 5, 4


def _words(rules: Sequence[Rule]) -> list[str]:
    """Return the keywords that are rare enough in disguise to be signs of it."""
    words = {
        keyword
        for rule in rules
        if rule.family in _DISGUISED
        for pattern in rule.patterns
        for keyword in pattern.keywords
        if len(keyword) >= (_SHORTEST if keyword.isascii() else _SHORTEST_ABROAD)
    }
    return sorted(words)


def _signs(gates: list[Gate], words: Sequence[str]) -> dict[int, tuple[str, ...]]:
    """Append the signs of disguises to the gates; transforms that share a sign share its gate."""
    known = frozenset(gates)
    owners: dict[Gate, list[str]] = defaultdict(list)
    for name, transform in TRANSFORMS.items():
        for sign in transform.signs:
            owners[Gate(sign.expression, literal=sign.literal, caseless=sign.caseless)].append(name)
        for word in words:
            disguised = transform.disguise(word) if transform.disguise else word
            if disguised != word and Gate(disguised) not in known:
                owners[Gate(disguised)].append(name)
    first = len(gates)
    gates.extend(owners)
    return {first + place: tuple(names) for place, names in enumerate(owners.values())}


def _anchors(rule: Rule, pattern: Pattern) -> list[Gate]:
    if pattern.keywords:
        return [_literal(rule, keyword) for keyword in pattern.keywords]
    assert pattern.regex is not None
    return [Gate(pattern.regex.pattern, literal=False, caseless=rule.caseless)]


def _literal(rule: Rule, keyword: str) -> Gate:
    # Letter case beyond ASCII is a matter of Unicode; ASCII keywords do without, and stay cheap.
    return Gate(keyword, caseless=rule.caseless, unicode=rule.caseless and not keyword.isascii())


def compile_plan(
    table: GateTable, target: str, *, detect_paranoia: int, families: Collection[str], excluded: Collection[str]
) -> Plan:
    """Work out what a policy asks of texts with one target.

    Args:
        table: all gates.
        target: one of `TARGETS`.
        detect_paranoia: rules above it do not run.
        families: the families that are on.
        excluded: ids of rules that are switched off.
    """
    by_gate: dict[int, list[Candidate]] = defaultdict(list)
    for candidate in table.candidates:
        rule = candidate.rule
        if (
            target in rule.targets
            and rule.paranoia <= detect_paranoia
            and rule.family in families
            and rule.id not in excluded
        ):
            for gate in candidate.keywords:
                by_gate[gate].append(candidate)
    return Plan(
        candidates={gate: tuple(items) for gate, items in by_gate.items()},
        recognizer_gates=table.recognizer_gates if "pii" in families else {},
        recognizers=table.recognizers,
    )
