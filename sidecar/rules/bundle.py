"""Bytes of a bundle's files in, a checked `RuleSet` out; every fault is collected before anything is refused."""

from __future__ import annotations

import hashlib
import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import msgspec

from sidecar import __version__
from sidecar.errors import BundleError
from sidecar.model import TARGETS, Confirm, Pattern, Rule, RuleSet, Verdict
from sidecar.rules.documents import line_of, load
from sidecar.rules.schema import Manifest, RuleSchema, Vocabulary

if TYPE_CHECKING:
    from collections.abc import Mapping

MANIFEST = "bundle.yaml"
VOCABULARY = "TAGS.yaml"


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


def read_bundle(files: Mapping[str, bytes]) -> Bundle:
    """Read a bundle.

    Args:
        files: content by path relative to the bundle's root, with `/` between folders.

    Returns:
        The bundle, its rules in the manifest's family order, then by id.

    Raises:
        BundleError: names every fault with file and line.
    """
    if MANIFEST not in files:
        raise BundleError(
            f"{MANIFEST}:1: the bundle has no manifest; a bundle folder holds {MANIFEST} and a folder per family"
        )
    manifest = load(files[MANIFEST], MANIFEST, Manifest)
    _require_version(manifest)
    vocabulary = load(files.get(VOCABULARY, b"tags: {}"), VOCABULARY, Vocabulary)
    faults: list[str] = []
    documents: list[Document] = []
    for path in _rule_paths(files, manifest, faults):
        try:
            documents.append(Document(path=path, data=files[path], schema=load(files[path], path, RuleSchema)))
        except BundleError as error:
            faults.extend(error.faults)
    rules: list[Rule] = []
    for document in documents:
        try:
            rules.append(_to_rule(document, manifest))
        except BundleError as error:
            faults.extend(error.faults)
    faults.extend(_repeated_ids(documents))
    if faults:
        raise BundleError(*faults)
    rule_set = RuleSet(name=manifest.name, version=manifest.version, revision=_revision(files), rules=tuple(rules))
    return Bundle(manifest=manifest, vocabulary=vocabulary, documents=tuple(documents), rule_set=rule_set)


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
    transforms = frozenset(manifest.defaults.transforms if schema.transforms is None else schema.transforms)
    flags = re.IGNORECASE if "casefold" in transforms else re.NOFLAG
    patterns = []
    for index, match in enumerate(schema.match.any):
        try:
            regex = re.compile(match.regex, flags) if match.regex is not None else None
        except (re.error, OverflowError, RecursionError) as error:
            raise BundleError(f"{path}:{_line(document, index)}: `regex` does not compile: {error}") from None
        if not match.keywords and regex is None:
            raise BundleError(f"{path}:{_line(document, index)}: needs `keywords` or `regex`; it could never match")
        patterns.append(Pattern(keywords=match.keywords, also=match.also, regex=regex))
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
        confirm=tuple(_to_confirm(item, path) for item in schema.confirm),
        entity=schema.entity,
        confidence=manifest.defaults.confidence if schema.confidence is None else schema.confidence,
        tags=schema.tags,
        caseless="casefold" in transforms,
    )


def _line(document: Document, alternative: int) -> int:
    return line_of(document.data, document.path, "match", "any", alternative, "regex")


def _to_confirm(item: msgspec.Struct, path: str) -> Confirm:
    checksum, entropy, group = (getattr(item, name) for name in ("checksum", "min_entropy", "group"))
    if (checksum is None) == (entropy is None):
        raise BundleError(f"{path}:1: each `confirm` names either `checksum` or `min_entropy`")
    if checksum is not None:
        return Confirm(name=checksum, group=group)
    return Confirm(name="entropy", value=entropy, group=group)


def _revision(files: Mapping[str, bytes]) -> str:
    """SHA-256 over every file's name and content, in order of names: what is shipped is what is named."""
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path}\0{len(files[path])}\0".encode())
        digest.update(files[path])
    return digest.hexdigest()
