"""The YAML format of rule files and of the bundle manifest, as frozen structs that refuse unknown keys."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

Slug = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=80)]
Severity = Literal["informational", "low", "medium", "high", "critical"]
Status = Literal["experimental", "test", "stable", "deprecated"]
# Nine digits: Python refuses to read numbers of thousands, and what cannot be compared is no version.
Semver = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9}$")]
Keyword = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Entity = Annotated[str, msgspec.Meta(pattern=r"^[A-Z][A-Z0-9_]*$", max_length=60)]


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A struct that refuses keys it does not know; fields stand in the order of the file."""


class MatchSchema(Strict, frozen=True, kw_only=True):
    """One alternative: `keywords` (any of them, literal) and, where given, `also` (any of them) and `regex`."""

    keywords: tuple[Keyword, ...] = ()
    also: tuple[Keyword, ...] = ()
    regex: str | None = None


class AnyOf(Strict, frozen=True, kw_only=True):
    """The alternatives of a rule; one of them is enough."""

    any: Annotated[tuple[MatchSchema, ...], msgspec.Meta(min_length=1)]


class ConfirmSchema(Strict, frozen=True, kw_only=True):
    """A check on the matched text or on one of its groups; exactly one kind each.

    Args:
        checksum: a named check of `sidecar.core.checks`, such as `luhn`.
        min_entropy: bits per character that the text must reach.
        min_digits: decimal digits that the text must hold.
        exclude: parts that the text must not hold, in any letter case.
        group: the group that is looked at; the whole match by default.
    """

    checksum: str | None = None
    min_entropy: float | None = None
    min_digits: int | None = None
    exclude: tuple[Keyword, ...] | None = None
    group: str | int = 0


class RelatedSchema(Strict, frozen=True, kw_only=True):
    """A sibling rule."""

    id: Slug
    type: Literal["stricter", "derived", "replaces"]


class CaseSchema(Strict, frozen=True, kw_only=True):
    """One test of a rule; `text` may hold `{random:alnum:36}` or `{repeat:x:36}`."""

    id: int
    desc: str
    target: str | None = None
    text: str


class TestsSchema(Strict, frozen=True, kw_only=True):
    """The rule's own samples."""

    positive: tuple[CaseSchema, ...] = ()
    negative: tuple[CaseSchema, ...] = ()


class RuleSchema(Strict, frozen=True, kw_only=True):
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
    transforms: tuple[str, ...] | None = None
    match: AnyOf
    confirm: tuple[ConfirmSchema, ...] = ()
    verdict: Literal["flag", "mask", "block"]
    entity: Entity | None = None
    confidence: Annotated[float, msgspec.Meta(gt=0, le=1)] | None = None
    tags: tuple[str, ...] = ()
    falsepositives: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    related: tuple[RelatedSchema, ...] = ()
    tests: TestsSchema = TestsSchema()


class BundleDefaults(Strict, frozen=True, kw_only=True):
    """Values for rules that leave them out."""

    transforms: tuple[str, ...] = ()
    confidence: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.9


class Manifest(Strict, frozen=True, kw_only=True):
    """`bundle.yaml`."""

    schema: Literal[1]
    name: Slug
    version: Semver
    min_sidecar_version: Semver
    families: Annotated[tuple[Slug, ...], msgspec.Meta(min_length=1)]
    defaults: BundleDefaults = BundleDefaults()


class Vocabulary(Strict, frozen=True, kw_only=True):
    """`TAGS.yaml`: the closed list of tags, each with what it stands for."""

    tags: dict[str, str]
