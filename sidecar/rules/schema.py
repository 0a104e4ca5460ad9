"""The YAML format of rule files and of the bundle manifest, as frozen structs that refuse unknown keys."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

Slug = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=80)]
Severity = Literal["informational", "low", "medium", "high", "critical"]
Status = Literal["experimental", "test", "stable", "deprecated"]
Semver = Annotated[str, msgspec.Meta(pattern=r"^\d+\.\d+\.\d+$")]


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A struct that refuses keys it does not know."""


class MatchSchema(Strict, frozen=True):
    """One alternative: `keywords` (any of them, literal) and, where given, `also` (any of them) and `regex`."""

    keywords: tuple[Annotated[str, msgspec.Meta(min_length=1, max_length=200)], ...] = ()
    also: tuple[Annotated[str, msgspec.Meta(min_length=1, max_length=200)], ...] = ()
    regex: str | None = None


class AnyOf(Strict, frozen=True):
    """The alternatives of a rule; one of them is enough."""

    any: Annotated[tuple[MatchSchema, ...], msgspec.Meta(min_length=1)]


class ConfirmSchema(Strict, frozen=True):
    """A check on the matched text: `checksum` by name, or `min_entropy` in bits per character, on a group."""

    checksum: str | None = None
    min_entropy: float | None = None
    group: str | int = 0


class RelatedSchema(Strict, frozen=True):
    """A sibling rule."""

    id: Slug
    type: Literal["stricter", "derived", "replaces"]


class CaseSchema(Strict, frozen=True):
    """One test of a rule; `text` may hold `{random:alnum:36}` or `{repeat:x:36}`."""

    id: int
    desc: str
    text: str
    target: str | None = None


class TestsSchema(Strict, frozen=True):
    """The rule's own samples."""

    positive: tuple[CaseSchema, ...] = ()
    negative: tuple[CaseSchema, ...] = ()


class OperatorSchema(msgspec.Struct, frozen=True):
    """A masking operator by Presidio's name; the other keys are its parameters."""

    name: str
    new_value: str | None = None


class RuleSchema(Strict, frozen=True):
    """One rule file, `rules/<family>/<id>.yaml`, fields in the order of the file."""

    schema: Literal[1]
    id: Slug
    version: Annotated[int, msgspec.Meta(ge=1)]
    title: str
    description: str
    status: Status
    severity: Severity
    paranoia: Annotated[int, msgspec.Meta(ge=1, le=4)]
    targets: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    match: AnyOf
    verdict: Literal["flag", "mask", "block"]
    transforms: tuple[str, ...] | None = None
    confirm: tuple[ConfirmSchema, ...] = ()
    confidence: Annotated[float, msgspec.Meta(gt=0, le=1)] | None = None
    entity: str | None = None
    operator: OperatorSchema | None = None
    tags: tuple[str, ...] = ()
    falsepositives: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    related: tuple[RelatedSchema, ...] = ()
    tests: TestsSchema = TestsSchema()


class BundleDefaults(Strict, frozen=True):
    """Values for rules that leave them out."""

    transforms: tuple[str, ...] = ()
    confidence: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.9


class Manifest(Strict, frozen=True):
    """`bundle.yaml`."""

    schema: Literal[1]
    name: Slug
    version: Semver
    min_sidecar_version: Semver
    families: Annotated[tuple[Slug, ...], msgspec.Meta(min_length=1)]
    defaults: BundleDefaults = BundleDefaults()


class Vocabulary(Strict, frozen=True):
    """`TAGS.yaml`: the closed list of tags, each with what it stands for."""

    tags: dict[str, str]
