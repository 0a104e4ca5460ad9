"""What changed between two bundles: rules added, removed, changed, and what that means for verdicts on given texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import msgspec

from sidecar.model import Decision
from sidecar.rules.bundle import Bundle
from sidecar.rules.schema import RuleSchema


class Change(msgspec.Struct, frozen=True):
    """One rule that differs.

    Args:
        rule: its id.
        kind: `added`, `removed` or `changed`.
        fields: what changed, by name.
        fault: a sentence where the change breaks a house rule; else empty.
    """

    rule: str
    kind: str
    fields: tuple[str, ...] = ()
    fault: str = ""


class VerdictChange(msgspec.Struct, frozen=True):
    """A text on which two bundles disagree; named by its place, never quoted."""

    id: str
    before: str
    after: str
    rules: tuple[str, ...]


def changes(before: Bundle, after: Bundle) -> list[Change]:
    """Compare two bundles rule by rule, in order of ids."""
    old = {document.schema.id: document.schema for document in before.documents}
    new = {document.schema.id: document.schema for document in after.documents}
    found = []
    for rule in sorted(old.keys() | new.keys()):
        if rule not in new:
            found.append(Change(rule, "removed"))
        elif rule not in old:
            found.append(Change(rule, "added"))
        elif old[rule] != new[rule]:
            found.append(_change(old[rule], new[rule]))
    return found


def _change(old: RuleSchema, new: RuleSchema) -> Change:
    fields = tuple(name for name in old.__struct_fields__ if getattr(old, name) != getattr(new, name))
    meant = {"targets", "transforms", "match", "confirm", "verdict", "paranoia", "entity", "confidence"}.intersection(
        fields
    )
    stable = "stable" in (old.status, new.status)
    fault = ""
    if stable and meant and new.version <= old.version:
        fault = f"a stable rule changed ({', '.join(sorted(meant))}) without a higher version"
    return Change(new.id, "changed", fields, fault)


def verdict_changes(
    texts: Iterable[tuple[str, str, str]], before: Callable[[str, str], Decision], after: Callable[[str, str], Decision]
) -> Iterator[VerdictChange]:
    """Run texts through two filters.

    Args:
        texts: (id, text, target).
        before: decides by the old bundle.
        after: decides by the new one.

    Yields:
        The texts on which the verdicts differ, with the rules that only one of them names.
    """
    for name, text, target in texts:
        first, second = before(text, target), after(text, target)
        if first.verdict is not second.verdict:
            rules = {finding.rule for finding in first.findings} ^ {finding.rule for finding in second.findings}
            yield VerdictChange(name, first.verdict.label, second.verdict.label, tuple(sorted(rules)))
