"""Rule sets of any size, of made-up words: each rule has a keyword for the scanner and a regex for the second look."""

from __future__ import annotations

import random
import re
import sys

import msgspec

from sidecar.app import Snapshot, compile_snapshot
from sidecar.config import find_policy
from sidecar.model import Pattern, Rule, RuleSet, Verdict
from sidecar.rules.bundle import Bundle
from sidecar.rules.policy import PolicyDocument, read_policy
from sidecar.rules.schema import Manifest, Vocabulary

_CONSONANTS, _VOWELS = "bdfgklmnprstvz", "aeiou"


def rules_of(count: int) -> tuple[Rule, ...]:
    """Return so many rules; what they look for does not occur in the texts of `benchmarks.texts`."""
    rng = random.Random(count)
    return tuple(_rule(number, rng) for number in range(count))


def snapshot_of(count: int) -> Snapshot:
    """Compile so many rules and nothing else: no recognizers, no score."""
    rules = rules_of(count)
    manifest = Manifest(schema=1, name="made-up", version="1.0.0", min_sidecar_version="0.0.1", families=("injection",))
    rule_set = RuleSet(name=manifest.name, version=manifest.version, revision=f"made-up-{count}", rules=rules)
    bundle = Bundle(manifest=manifest, vocabulary=Vocabulary(tags={}), documents=(), rule_set=rule_set)
    return compile_snapshot(bundle, _rules_only())


def _rules_only() -> PolicyDocument:
    policy = read_policy(*find_policy("default"))
    return msgspec.structs.replace(policy, pii=msgspec.structs.replace(policy.pii, enabled=False))


def _rule(number: int, rng: random.Random) -> Rule:
    first, second, third = (_word(rng) for _ in range(3))
    regex = re.compile(rf"\b{first} {second}\b.{{0,40}}\b{third}s?\b", re.IGNORECASE)
    return Rule(
        id=f"injection-made-up-{number}",
        version=1,
        family="injection",
        title="Made up",
        severity="low",
        paranoia=1,
        targets=frozenset({"request.user"}),
        transforms=frozenset({"casefold"}),
        patterns=(Pattern(keywords=(f"{first} {second}",), regex=regex),),
        verdict=Verdict.FLAG,
    )


def _word(rng: random.Random) -> str:
    return "".join(rng.choice(_CONSONANTS) + rng.choice(_VOWELS) for _ in range(rng.randint(3, 4)))


def main() -> None:
    """Load so many rules (`shipped`: those that ship; 0: none) and print this process's resident memory in bytes."""
    from benchmarks.memory import resident  # noqa: PLC0415 - it starts this very module
    from sidecar.app import load_snapshot  # noqa: PLC0415 - beside its peer above

    wanted = sys.argv[1]
    snapshot = load_snapshot() if wanted == "shipped" else snapshot_of(int(wanted)) if wanted != "0" else None
    if snapshot is not None:
        snapshot.filter().check_text("Warm up.")
    print(resident("self"))


if __name__ == "__main__":
    main()
