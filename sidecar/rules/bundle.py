"""Bytes of a bundle's files in, a checked `RuleSet` out; every fault is collected before anything is refused."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase

import msgspec

from sidecar import __version__
from sidecar.core.checks import CHECKS
from sidecar.core.score import ScoreModel
from sidecar.core.transforms import TRANSFORMS, names_of
from sidecar.errors import BundleError
from sidecar.model import TARGETS, Confirm, Pattern, Rule, RuleSet, Verdict
from sidecar.rules.documents import line_of, load
from sidecar.rules.schema import ConfirmSchema, Manifest, RuleSchema, Vocabulary
from sidecar.rules.scoring import read_score

MANIFEST = "bundle.yaml"
VOCABULARY = "TAGS.yaml"
# A rule that reads folded views ignores letter case everywhere; `any` stands for every transform.
CASELESS = frozenset({"casefold", "any"})


class Document(msgspec.Struct, frozen=True):
    """A rule file as read: where it stands, its bytes, and what it says."""

    path: str
    data: bytes
    schema: RuleSchema


class Bundle(msgspec.Struct, frozen=True):
    """A bundle that was read without fault."""

    manifest: Manifest
    vocabulary: Vocabulary
    documents: tuple[Document, ...]
    rule_set: RuleSet
    score: ScoreModel | None = None


class Reading(msgspec.Struct, frozen=True):
    """What could be read of a bundle, and every fault that was met on the way.

    Args:
        manifest: None where it cannot be read; then there is nothing else.
        vocabulary: the closed list of tags.
        documents: the rule files that fit the schema, in the order of families, then of names.
        rules: those of them that make a rule.
        faults: sentences that start with `path:line:`.
    """

    manifest: Manifest | None
    vocabulary: Vocabulary
    documents: tuple[Document, ...] = ()
    rules: tuple[Rule, ...] = ()
    faults: tuple[str, ...] = ()


def read_bundle(files: Mapping[str, bytes]) -> Bundle:
    """Read a bundle.

    Args:
        files: content by path relative to the bundle's root, with `/` between folders.

    Returns:
        The bundle, its rules in the manifest's family order, then by id.

    Raises:
        BundleError: names every fault with file and line.
    """
    reading = read_leniently(files)
    if reading.faults or reading.manifest is None:
        raise BundleError(*reading.faults)
    manifest = reading.manifest
    rule_set = RuleSet(name=manifest.name, version=manifest.version, revision=revision(files), rules=reading.rules)
    return Bundle(
        manifest=manifest,
        vocabulary=reading.vocabulary,
        documents=reading.documents,
        rule_set=rule_set,
        score=read_score(files),
    )


def read_leniently(files: Mapping[str, bytes]) -> Reading:
    """Read as much of a bundle as can be read; the faults are listed beside it."""
    vocabulary = Vocabulary(tags={})
    if MANIFEST not in files:
        fault = f"{MANIFEST}:1: the bundle has no manifest; a bundle folder holds {MANIFEST} and a folder per family"
        return Reading(None, vocabulary, faults=(fault,))
    faults: list[str] = []
    try:
        manifest = load(files[MANIFEST], MANIFEST, Manifest)
        _require_version(manifest)
    except BundleError as error:
        return Reading(None, vocabulary, faults=error.faults)
    try:
        vocabulary = load(files.get(VOCABULARY, b"tags: {}"), VOCABULARY, Vocabulary)
    except BundleError as error:
        faults.extend(error.faults)
    documents: list[Document] = []
    rules: list[Rule] = []
    for path in _rule_paths(files, manifest, faults):
        try:
            documents.append(Document(path=path, data=files[path], schema=load(files[path], path, RuleSchema)))
            rules.append(_to_rule(documents[-1], manifest))
        except BundleError as error:
            faults.extend(error.faults)
    faults.extend(_repeated_ids(documents))
    return Reading(manifest, vocabulary, tuple(documents), tuple(rules), tuple(faults))


def expand_targets(patterns: tuple[str, ...]) -> frozenset[str]:
    """Turn target patterns such as `request.*` into the targets they stand for; empty where one names none."""
    expanded = [frozenset(target for target in TARGETS if fnmatchcase(target, pattern)) for pattern in patterns]
    return frozenset().union(*expanded) if all(expanded) else frozenset()


def _require_version(manifest: Manifest) -> None:
    def number(version: str) -> tuple[int, ...]:
        return tuple(int(part) for part in version.split("."))

    if number(manifest.min_sidecar_version) > number(__version__):
        raise BundleError(
            f"{MANIFEST}:1: the bundle needs sidecar {manifest.min_sidecar_version} or newer; this is {__version__}"
        )


def _rule_paths(files: Mapping[str, bytes], manifest: Manifest, faults: list[str]) -> list[str]:
    paths: list[str] = []
    for family in manifest.families:
        found = sorted(path for path in files if path.startswith(f"{family}/") and path.endswith(".yaml"))
        if not found:
            faults.append(f"{MANIFEST}:1: family `{family}` has no rule; expected {family}/<id>.yaml")
        paths.extend(found)
    return paths


def _repeated_ids(documents: list[Document]) -> list[str]:
    seen: dict[str, str] = {}
    faults = []
    for document in documents:
        first = seen.setdefault(document.schema.id, document.path)
        if first != document.path:
            faults.append(f"{document.path}:1: id `{document.schema.id}` is taken by {first}")
    return faults


def _to_rule(document: Document, manifest: Manifest) -> Rule:
    schema, path = document.schema, document.path
    family = path.split("/", 1)[0]
    targets = expand_targets(schema.targets)
    if not targets:
        raise BundleError(f"{path}:1: unknown target in {list(schema.targets)}; known: {', '.join(TARGETS)}")
    try:
        transforms = names_of(manifest.defaults.transforms if schema.transforms is None else schema.transforms)
    except KeyError as error:
        raise BundleError(f"{path}:1: unknown transform {error}; known: any, {', '.join(TRANSFORMS)}") from None
    caseless = not transforms.isdisjoint(CASELESS)
    flags = re.IGNORECASE if caseless else re.NOFLAG
    patterns = []
    for index, match in enumerate(schema.match.any):
        try:
            regex = re.compile(match.regex, flags) if match.regex is not None else None
        except (re.error, OverflowError, RecursionError) as error:
            raise BundleError(f"{path}:{_line(document, index)}: `regex` does not compile: {error}") from None
        if not match.keywords and regex is None:
            raise BundleError(f"{path}:{_line(document, index)}: needs `keywords` or `regex`; it could never match")
        patterns.append(Pattern(keywords=match.keywords, also=match.also, regex=regex))
    confirm = tuple(_to_confirm(item, path) for item in schema.confirm)
    _require_groups(confirm, patterns, path)
    return Rule(
        id=schema.id,
        version=schema.version,
        family=family,
        title=schema.title,
        severity=schema.severity,
        paranoia=schema.paranoia,
        targets=targets,
        transforms=transforms,
        patterns=tuple(patterns),
        verdict=Verdict[schema.verdict.upper()],
        confirm=confirm,
        entity=schema.entity,
        confidence=manifest.defaults.confidence if schema.confidence is None else schema.confidence,
        tags=schema.tags,
        caseless=caseless,
    )


def _line(document: Document, alternative: int) -> int:
    return line_of(document.data, document.path, "match", "any", alternative, "regex")


def _to_confirm(item: ConfirmSchema, path: str) -> Confirm:
    kinds = {
        "checksum": item.checksum,
        "min_entropy": item.min_entropy,
        "min_digits": item.min_digits,
        "exclude": item.exclude,
    }
    given = [kind for kind, value in kinds.items() if value is not None]
    if len(given) != 1:
        raise BundleError(f"{path}:1: each `confirm` names exactly one of {', '.join(kinds)}")
    if item.checksum is not None:
        if item.checksum not in CHECKS:
            raise BundleError(f"{path}:1: unknown checksum `{item.checksum}`; known: {', '.join(sorted(CHECKS))}")
        return Confirm(name=item.checksum, group=item.group)
    if item.exclude is not None:
        return Confirm(name="exclude", words=tuple(word.casefold() for word in item.exclude), group=item.group)
    if item.min_digits is not None:
        return Confirm(name="digits", value=item.min_digits, group=item.group)
    return Confirm(name="entropy", value=item.min_entropy or 0.0, group=item.group)


def _require_groups(confirm: tuple[Confirm, ...], patterns: list[Pattern], path: str) -> None:
    for check in confirm:
        for pattern in patterns:
            known = {0, *pattern.regex.groupindex, *range(pattern.regex.groups + 1)} if pattern.regex else set()
            if check.group not in known:
                raise BundleError(f"{path}:1: `confirm` looks at group {check.group!r}, which not every `regex` has")


def revision(files: Mapping[str, bytes]) -> str:
    """Return the SHA-256 over every file's name and content, in order of names: what is shipped is what is named."""
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path}\0{len(files[path])}\0".encode())
        digest.update(files[path])
    return digest.hexdigest()
