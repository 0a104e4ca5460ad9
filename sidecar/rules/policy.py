"""The policy file: per application, route, direction and role, which families act, how, and within which limits."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import partial
from typing import Annotated, Any, Literal

import msgspec

from sidecar.core.decide import Response, TargetPolicy
from sidecar.core.operators import NO_TOOLS, Operator, Tools, build_operator
from sidecar.core.sanitise import Delimiters
from sidecar.model import TARGETS, Action, OperatorConfig
from sidecar.rules.documents import Check, Place, read_settings
from sidecar.rules.entities import Ner, Pii
from sidecar.rules.formats import FormatSettings, require_targets
from sidecar.rules.output import Output

Fraction = Annotated[float, msgspec.Meta(ge=0, le=1)]
Level = Annotated[int, msgspec.Meta(ge=0, le=4)]
Enforcement = Literal["enforce", "shadow"]
Mode = Literal["open", "closed"]
ActionName = Literal["rule", "off", "allow", "flag", "sanitise", "mask", "block"]


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A struct that refuses keys it does not know."""


class OperatorSettings(msgspec.Struct, frozen=True):
    """A masking operator, by Presidio's name, with its parameters under `params`."""

    name: str
    params: dict[str, Any] = {}


class EntitySettings(Strict, frozen=True):
    """What to do about one entity type; what is left out comes from the family."""

    action: ActionName | None = None
    min_confidence: Fraction | None = None
    min_digits: Annotated[int, msgspec.Meta(ge=0)] | None = None
    operator: OperatorSettings | None = None


class FamilySettings(Strict, frozen=True):
    """What to do about the findings of one family; `rule` leaves it to each rule's own verdict."""

    action: ActionName | None = None
    min_confidence: Fraction | None = None
    min_digits: Annotated[int, msgspec.Meta(ge=0)] | None = None
    operator: OperatorSettings | None = None
    entities: dict[str, EntitySettings] = {}


class Paranoia(Strict, frozen=True):
    """How much noise is wanted: rules up to `detect` run; rules above `block` can only flag."""

    detect: Level = 1
    block: Level = 1


class Threshold(Strict, frozen=True):
    """Injection scores from which a text is flagged, and from which `action` is taken."""

    flag: Fraction = 0.5
    block: Fraction = 0.8
    action: ActionName = "block"


class Failure(Strict, frozen=True):
    """What happens to a message when we fail: `closed` refuses it, `open` lets it pass and counts it."""

    request: Mode = "closed"
    response: Mode = "closed"


class Limits(Strict, frozen=True):
    """Length limits; a message beyond one of them is refused with 413.

    Args:
        body_bytes: length of a body on the wire and after decoding its content coding.
        text_chars: length of one text, in code points.
        tokens: of a request, by estimate: four bytes each; None: not limited.
        messages: of a request; None: not limited.
        depth: of a JSON body, objects and arrays within each other; 128 in any case.
    """

    body_bytes: Annotated[int, msgspec.Meta(ge=1)] = 10 * 2**20
    text_chars: Annotated[int, msgspec.Meta(ge=1)] = 5 * 2**20
    tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    messages: Annotated[int, msgspec.Meta(ge=1)] | None = None
    depth: Annotated[int, msgspec.Meta(ge=1, le=128)] | None = None


class Sanitising(Strict, frozen=True):
    """How `sanitise` wraps a text, and the targets whose every text is sanitised, finding or not."""

    opening: Annotated[str, msgspec.Meta(min_length=2)] = "<user_input>"
    closing: Annotated[str, msgspec.Meta(min_length=2)] = "</user_input>"
    always: tuple[str, ...] = ()


class Exclusion(Strict, frozen=True):
    """A rule that is switched off for an application or route; the reason is mandatory."""

    rule: str
    reason: Annotated[str, msgspec.Meta(min_length=5)]
    application: str = "*"
    route: str = "*"
    target: str = "*"


class Override(Strict, frozen=True):
    """Settings for some of the traffic; all that match are applied, in order.

    Args:
        application: glob over the application's name.
        route: glob over the request path.
        direction: `request` or `response`.
        role: glob over what follows the dot in a target, such as `user` or `tool_*`.
    """

    application: str = "*"
    route: str = "*"
    direction: Literal["request", "response", "*"] = "*"
    role: str = "*"
    paranoia: Paranoia | None = None
    threshold: Threshold | None = None
    failure: Failure | None = None
    enforcement: Enforcement | None = None
    families: dict[str, FamilySettings] = {}


class Conversation(Strict, frozen=True):
    """How requests that repeat a conversation are judged.

    Args:
        scan: `new` judges texts that were not judged before, `all` judges every text of every request.
        memory: how many verdicts each worker remembers, for `new`; about 150 bytes each.
        join: whether neighbouring texts are also read together, for payloads that were split over parts or turns.
    """

    scan: Literal["new", "all"] = "new"
    memory: Annotated[int, msgspec.Meta(ge=2)] = 50_000
    join: bool = True


class Cache(Strict, frozen=True):
    """The verdict cache: a text that was judged is not judged again while rules and policy stay.

    Args:
        verdicts: how many each worker remembers, by keyed digest and never across applications; 0: none.
    """

    verdicts: Annotated[int, msgspec.Meta(ge=0, le=10_000_000)] = 0


class PolicyDocument(Strict, frozen=True):
    """The policy file."""

    schema: Literal[1]
    name: str
    paranoia: Paranoia = Paranoia()
    threshold: Threshold = Threshold()
    failure: Failure = Failure()
    enforcement: Enforcement = "enforce"
    limits: Limits = Limits()
    unreadable: Literal["block", "pass"] = "block"
    sanitise: Sanitising = Sanitising()
    pii: Pii = Pii()
    ner: Ner = Ner()
    conversation: Conversation = Conversation()
    cache: Cache = Cache()
    output: Output = Output()
    formats: tuple[FormatSettings, ...] = ()
    families: dict[str, FamilySettings] = {}
    overrides: tuple[Override, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()


class Profile(msgspec.Struct, frozen=True):
    """A policy resolved for one application and route: what the engine runs."""

    name: str
    targets: dict[str, TargetPolicy]
    detect_paranoia: dict[str, int]
    excluded: dict[str, frozenset[str]]
    failure: dict[str, Mode]
    limits: Limits
    unreadable: str
    enforced: bool = True


def read_policy(data: bytes, source: str, tools: Tools = NO_TOOLS) -> PolicyDocument:
    """Read a policy file.

    Args:
        data: the file's content.
        source: its name, for error messages.
        tools: what operators need from outside.

    Raises:
        ConfigError: says file, line and key of each fault.
    """
    return read_settings(data, source, PolicyDocument, partial(_checks, tools=tools))


def _checks(document: PolicyDocument, tools: Tools) -> Iterator[Check]:
    """Yield what the types cannot say, each with its place: targets must exist, operators must build."""
    unsure = bool(document.cache.verdicts and document.ner.enabled and document.ner.overload == "skip")
    yield ("cache", "verdicts"), partial(_require_sure, unsure)
    for index, target in enumerate(document.sanitise.always):
        yield ("sanitise", "always", index), partial(_require_target, target)
    for index, item in enumerate(document.formats):
        yield ("formats", index, "request"), partial(require_targets, item.request)
        yield ("formats", index, "response"), partial(require_targets, item.response)
    layers: list[tuple[Place, dict[str, FamilySettings]]] = [(("families",), document.families)]
    layers += [(("overrides", index, "families"), item.families) for index, item in enumerate(document.overrides)]
    for place, families in layers:
        for name, family in families.items():
            yield (*place, name, "action"), partial(_require_action, name, family.action)
            yield (*place, name, "operator"), partial(_operator, family.operator, tools)
            for entity, settings in family.entities.items():
                yield (*place, name, "entities", entity, "operator"), partial(_operator, settings.operator, tools)


# Families whose findings have no span that could be masked.
_WHOLE = frozenset({"media", "length", "repetition", "form"})


def _require_action(family: str, action: str | None) -> None:
    if family in _WHOLE and action in ("mask", "sanitise"):
        raise ValueError(f"findings of the family `{family}` have no text to mask; use off, flag or block")


def _require_sure(unsure: bool) -> None:
    if unsure:
        raise ValueError(
            "`cache.verdicts` would remember texts that the model had no time for; `ner.overload: skip` excludes it"
        )


def _require_target(target: str) -> None:
    if target not in TARGETS:
        raise ValueError(f"unknown target `{target}`; known: {', '.join(TARGETS)}")


def _operator(settings: OperatorSettings | None, tools: Tools) -> Operator:
    config = OperatorConfig(settings.name, settings.params) if settings else OperatorConfig("replace")
    return build_operator(config, tools)


def resolve(document: PolicyDocument, *, application: str, route: str, tools: Tools = NO_TOOLS) -> Profile:
    """Work out what a policy says for one application and route."""
    applied = {target: [o for o in document.overrides if _applies(o, application, route, target)] for target in TARGETS}
    return Profile(
        name=document.name,
        targets={target: _target_policy(document, target, applied[target], tools) for target in TARGETS},
        detect_paranoia={target: _last(document, applied[target], "paranoia").detect for target in TARGETS},
        excluded={target: _excluded(document, application, route, target) for target in TARGETS},
        failure={
            direction: getattr(_last(document, applied[f"{direction}.metadata"], "failure"), direction)
            for direction in ("request", "response")
        },
        limits=document.limits,
        unreadable=document.unreadable,
        enforced=_last(document, applied["request.metadata"], "enforcement") == "enforce",
    )


def applicable(document: PolicyDocument, *, application: str, route: str) -> tuple[int, ...]:
    """Return which overrides and exclusions concern an application and route; equal answers give equal profiles."""
    scoped: tuple[Override | Exclusion, ...] = (*document.overrides, *document.exclusions)
    return tuple(
        index
        for index, item in enumerate(scoped)
        if fnmatchcase(application, item.application) and fnmatchcase(route, item.route)
    )


def _applies(override: Override, application: str, route: str, target: str) -> bool:
    direction, _, role = target.partition(".")
    return (
        fnmatchcase(application, override.application)
        and fnmatchcase(route, override.route)
        and override.direction in ("*", direction)
        and fnmatchcase(role, override.role)
    )


def _last(document: PolicyDocument, applied: list[Override], name: str) -> Any:
    """Return the setting of the last override that has one, else the document's."""
    given = (getattr(override, name) for override in reversed(applied))
    return next((value for value in given if value is not None), getattr(document, name))


def _excluded(document: PolicyDocument, application: str, route: str, target: str) -> frozenset[str]:
    return frozenset(
        item.rule
        for item in document.exclusions
        if fnmatchcase(application, item.application)
        and fnmatchcase(route, item.route)
        and fnmatchcase(target, item.target)
    )


def _target_policy(document: PolicyDocument, target: str, applied: list[Override], tools: Tools) -> TargetPolicy:
    layers = (document.families, *(override.families for override in applied))
    families: dict[str, Response] = {}
    entities: dict[str, Response] = {}
    for name in dict.fromkeys(name for layer in layers for name in layer):
        settings = [layer[name] for layer in layers if name in layer]
        families[name] = _response(settings, tools)
        for entity in dict.fromkeys(entity for item in settings for entity in item.entities):
            layered = [*settings, *(item.entities[entity] for item in settings if entity in item.entities)]
            entities[entity] = _response(layered, tools)
    # What could not be undone within bounds was not inspected: the failure policy decides, unless the policy names it.
    closed = getattr(_last(document, applied, "failure"), target.partition(".")[0]) == "closed"
    families.setdefault("limits", Response(Action.BLOCK if closed else Action.FLAG, 0.0, _operator(None, tools)))
    threshold = _last(document, applied, "threshold")
    off = threshold.action == "off"
    return TargetPolicy(
        families={name: response for name, response in families.items() if response.action is not Action.ALLOW},
        entities=entities,
        block_paranoia=_last(document, applied, "paranoia").block,
        flag_score=2.0 if off else threshold.flag,
        block_score=2.0 if off else threshold.block,
        score_action=_action(threshold.action) or Action.BLOCK,
        always_sanitise=target in document.sanitise.always,
        delimiters=Delimiters(document.sanitise.opening, document.sanitise.closing),
    )


def _response(layers: list[Any], tools: Tools) -> Response:
    """Fold the settings of one family or entity; later layers win."""

    def last(name: str, default: Any) -> Any:
        values = (getattr(layer, name) for layer in reversed(layers))
        return next((value for value in values if value is not None), default)

    return Response(
        action=_action(last("action", "rule")),
        min_confidence=last("min_confidence", 0.0),
        min_digits=last("min_digits", 0),
        operator=_operator(last("operator", None), tools),
    )


def _action(name: str) -> Action | None:
    return {"rule": None, "off": Action.ALLOW}.get(name) if name in ("rule", "off") else Action(name)
