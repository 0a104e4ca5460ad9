"""The composition root: the only module that knows concrete classes; it turns files into a `Snapshot`."""

from __future__ import annotations

import contextlib
import secrets
import string
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

import msgspec

from sidecar import config
from sidecar.backends.codings import ALL_DECODERS
from sidecar.backends.json_forms import form_of
from sidecar.backends.layered_scanner import LayeredScanner
from sidecar.backends.operator_tools import operator_tools
from sidecar.backends.presidio_deferred import DeferredPresidio
from sidecar.backends.presidio_settings import Settings
from sidecar.core import prefixes
from sidecar.core.decide import TargetPolicy
from sidecar.core.engine import Engine, Lane
from sidecar.core.filter import Filter, Observer
from sidecar.core.limits import Sizes
from sidecar.core.operators import NO_TOOLS, Tools
from sidecar.core.operators.pseudonymise import Pseudonymise
from sidecar.core.plan import GateTable, build_table, compile_plan
from sidecar.core.prefixes import parsed
from sidecar.core.pseudonyms import Keyring
from sidecar.core.score import Weigher
from sidecar.core.streaming import prefixes_of
from sidecar.core.turns import TurnMemory
from sidecar.core.verdicts import VerdictCache
from sidecar.errors import RecognizerError
from sidecar.model import TARGETS, Segment
from sidecar.rules.bundle import Bundle, read_bundle
from sidecar.rules.entities import Ner, Pii
from sidecar.rules.formats import build_formats
from sidecar.rules.output import build_lookout, build_recall
from sidecar.rules.policy import Limits, PolicyDocument, Profile, applicable, read_policy, resolve
from sidecar.settings import Options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sidecar.backends.ner_recognizer import NamesRecognizer
    from sidecar.core.scan import Recognizer, Scanner

# Applications and routes come from callers; so many filters are kept, and the rest are made anew.
_FILTERS_KEPT = 1024

# What most answers are written with.
_LETTERS = string.ascii_lowercase + " .,\n'-"
# Holds something for most recognizers.
_SAMPLE = "Write to ada@example.com or call +1 212 555 0142, card 4111 1111 1111 1111, from 192.0.2.1."


class Admission(msgspec.Struct, frozen=True):
    """How a snapshot came to be trusted.

    Args:
        selftest_seconds: how long trying it with its rules' own samples took.
        expires: seconds since 1970 from which its signatures are out of date; 0: never.
    """

    selftest_seconds: float = 0.0
    expires: float = 0.0


class Snapshot:
    """Rules, policy and compiled database that belong together; a request keeps the one it began with.

    Args:
        bundle: the rules.
        policy: what to do about their findings.
        table: the gates that `scanner` was built from.
        scanner: runs them.
        observer: counts and records decisions.
        tools: what masking operators need from outside.

    Attributes:
        admission: set by whoever let it in.
    """

    def __init__(
        self,
        bundle: Bundle,
        policy: PolicyDocument,
        table: GateTable,
        scanner: Scanner,
        observer: Observer | None = None,
        *,
        tools: Tools = NO_TOOLS,
    ) -> None:
        self.admission = Admission()
        self.bundle = bundle
        self.policy = policy
        self.engine = Engine(
            scanner,
            revision=bundle.rule_set.revision,
            signs=table.signs,
            weigh=Weigher(bundle.score, table.anchors),
        )
        self.table = table
        self.scanner = scanner
        self._observer = observer
        self._tools = tools
        self._filters: dict[tuple[str, str], Filter] = {}
        self._lanes: dict[tuple[int, ...], Lane] = {}
        self._turns = _turn_memory(policy)
        self._verdicts = VerdictCache(secrets.token_bytes(32), size) if (size := policy.cache.verdicts) else None

    def filter(self, application: str = "", route: str = "") -> Filter:
        """Return the filter of one application and route."""
        known = self._filters.get((application, route))
        if known is None:
            if len(self._filters) >= _FILTERS_KEPT:
                self._filters.clear()
            lane = self._lane(application, route)
            # A verdict holds for one application, and for one way of judging.
            applied = str(applicable(self.policy, application=application, route=route))
            turns = self._turns.scope(f"{application}\0{applied}") if self._turns else None
            # The cache lives as long as this snapshot; policy and revision are in its keys all the same.
            own = (application, applied, self.policy.name, self.engine.revision)
            verdicts = self._verdicts.scope(*own) if self._verdicts else None
            known = Filter(
                self.engine,
                lane,
                self._observer,
                application=application,
                route=route,
                turns=turns,
                verdicts=verdicts,
            )
            self._filters[application, route] = known
        return known

    def warm(self) -> None:
        """Do now what the first messages would wait for: lanes and hold-back automatons."""
        for scope in (None, *self.policy.overrides):
            # The globs of an override match themselves.
            lane = self.filter(scope.application, scope.route).lane if scope else self.filter().lane
            for target in TARGETS:
                if target.startswith("response."):
                    prefixes_of(lane, target)
        parsed.cache_clear()  # the automatons are built

    def warm_recognizers(self) -> None:
        """Have recognizers loaded that load when they fire: half a second that the first personal data would wait for."""
        sample = (Segment(_SAMPLE, "request.user"), Segment(_SAMPLE, "response.text"))
        # A model that is late now is no reason to stop: messages that it does not read meet the failure policy.
        with contextlib.suppress(RecognizerError):
            self.engine.judge(sample, self.filter().lane)

    def warm_streams(self) -> None:
        """Step the hold-back automaton over every pair of letters: the first answers would wait for it, 50 ms in all."""
        automaton = prefixes_of(self.filter().lane, "response.text")
        automaton.advance(prefixes.Live(), "".join(first + second for first in _LETTERS for second in _LETTERS), 0)

    def _lane(self, application: str, route: str) -> Lane:
        """Return the lane for what applies; callers choose routes, and must not make us compile one for each."""
        applied = applicable(self.policy, application=application, route=route)
        lane = self._lanes.get(applied)
        if lane is None:
            profile = resolve(self.policy, application=application, route=route, tools=self._tools)
            lane = self._lanes[applied] = _compile_lane(self.table, profile, self.policy, keyring=self._tools.keyring)
        return lane


def _turn_memory(policy: PolicyDocument) -> TurnMemory | None:
    """Return a memory of verdicts; none, where a clean verdict may mean that a model had no time to look."""
    unsure = policy.ner.enabled and policy.ner.overload == "skip"
    if policy.conversation.scan == "all" or unsure:
        return None
    return TurnMemory(secrets.token_bytes(32), policy.conversation.memory)


def _compile_lane(table: GateTable, profile: Profile, policy: PolicyDocument, *, keyring: Keyring) -> Lane:
    plans = {
        target: compile_plan(
            table,
            target,
            detect_paranoia=profile.detect_paranoia[target],
            families=profile.targets[target].families,
            excluded=profile.excluded[target],
        )
        for target in TARGETS
    }
    families = profile.targets["response.text"].families
    return Lane(
        plans=plans,
        policies=profile.targets,
        body_limit=profile.limits.body_bytes,
        text_limit=profile.limits.text_chars,
        sizes=_sizes(profile.limits),
        fail_open=frozenset(direction for direction, mode in profile.failure.items() if mode == "open"),
        pass_unreadable=profile.unreadable == "pass",
        decoders=ALL_DECODERS,
        waits=policy.ner.enabled,
        enforced=profile.enforced,
        lookout=build_lookout(policy.output, families),
        recall=build_recall(policy.output, families),
        joins=policy.conversation.join,
        formats=build_formats(policy.formats),
        form=form_of if "form" in families else None,
        keyring=keyring if any(_pseudonymises(item) for item in profile.targets.values()) else None,
    )


def _sizes(limits: Limits) -> Sizes | None:
    """Return the limits on shapes; None where there are none, so that messages are not asked for theirs."""
    sizes = Sizes(limits.tokens, limits.messages, limits.depth)
    return None if sizes == Sizes() else sizes


def _pseudonymises(policy: TargetPolicy) -> bool:
    responses = (*policy.families.values(), *policy.entities.values())
    return any(isinstance(response.operator, Pseudonymise) for response in responses)


def load_snapshot(options: Options | None = None, observer: Observer | None = None) -> Snapshot:
    """Read rules and policy, and compile them.

    Args:
        options: where they are.
        observer: counts and records decisions.

    Raises:
        BundleError: the rules have faults; all of them are named.
        ConfigError: the policy has a fault.
        ScannerError: the engine may not be trusted, or an expression does not compile.
    """
    options = options or Options()
    return load_files(config.read_folder(options.rules or config.shipped_rules()), options, observer)


def load_files(files: Mapping[str, bytes], options: Options, observer: Observer | None = None) -> Snapshot:
    """Make a snapshot of a bundle's files, wherever they came from; see `load_snapshot`."""
    bundle = read_bundle(files)
    tools = operator_tools()
    policy = read_policy(*config.find_policy(options.policy), tools)
    return compile_snapshot(
        bundle, policy, scanner=options.scanner, observer=observer, inline=options.inline, tools=tools
    )


def compile_snapshot(
    bundle: Bundle,
    policy: PolicyDocument,
    *,
    scanner: str = "hyperscan",
    observer: Observer | None = None,
    inline: bool = False,
    tools: Tools = NO_TOOLS,
) -> Snapshot:
    """Compile a bundle that was read, under a policy."""
    anchors = bundle.score.anchors if bundle.score else None
    table = build_table(bundle.rule_set.rules, recognizers(policy, inline=inline, observer=observer), anchors)

    if scanner == "hyperscan":
        return Snapshot(
            bundle, policy, table, LayeredScanner(table.gates, config.cache_folder()), observer, tools=tools
        )
    # Imported here: nobody who serves asks for the slow reference.
    from sidecar.backends.re_scanner import ReScanner  # noqa: PLC0415 - see above

    return Snapshot(bundle, policy, table, ReScanner(table.gates), observer, tools=tools)


def recognizers(
    policy: PolicyDocument, *, inline: bool = False, observer: Observer | None = None
) -> tuple[Recognizer, ...]:
    """Return the entity recognizers that a policy asks for.

    Raises:
        ConfigError: a recognizer file, a setting or a model cannot be used.
    """
    patterns = (_patterns(policy.pii),) if policy.pii.enabled and _uses(policy, "pii") else ()
    if not policy.ner.enabled:
        return patterns
    names = _names(policy.ner, inline=inline)
    if observer is not None:
        names.report_gap, names.report_wait = observer.report_gap, observer.report_wait
    return (*patterns, names)


def _uses(policy: PolicyDocument, family: str) -> bool:
    return family in policy.families or any(family in override.families for override in policy.overrides)


def _patterns(wanted: Pii) -> Recognizer:
    return DeferredPresidio(
        Settings(
            languages=wanted.languages,
            countries=wanted.countries,
            files=wanted.recognizers,
            allow_list=wanted.allow_list,
            allow_list_match=wanted.allow_list_match,
            score_threshold=wanted.score_threshold,
        ),
        config.cache_folder(),
    )


# Snapshots with the same settings share their NER processes, which end with the last snapshot that holds them.
_names_in_use: WeakValueDictionary[tuple[Ner, bool], NamesRecognizer] = WeakValueDictionary()


def _names(ner: Ner, *, inline: bool) -> NamesRecognizer:
    # Imported where a policy asks for it: numpy is not for those who look for patterns only.
    from sidecar.backends.ner_pool import PoolSettings  # noqa: PLC0415 - see above
    from sidecar.backends.ner_recognizer import names_recognizer  # noqa: PLC0415 - see above
    from sidecar.backends.ner_settings import NerSettings  # noqa: PLC0415 - see above

    known = _names_in_use.get((ner, inline))
    if known is None:
        limits = PoolSettings(workers=ner.workers, queue=ner.queue, overload=ner.overload, deadline=ner.deadline)
        settings = NerSettings(model=ner.model, min_score=ner.min_score)
        known = _names_in_use[ner, inline] = names_recognizer(settings, None if inline else limits)
    return known


def ner_state() -> tuple[int, int]:
    """Return how many questions wait for the NER models of this process, and how often their processes were started anew."""
    models = list(_names_in_use.values())
    return sum(item.waiting for item in models), sum(item.restarts for item in models)


class Live:
    """The snapshot in force; a reload replaces one reference, and whoever holds the old one keeps it.

    Args:
        snapshot: the first one.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._generation = 1

    def current(self) -> Snapshot:
        """Return the snapshot in force."""
        return self._snapshot

    def replace(self, snapshot: Snapshot) -> None:
        """Put another snapshot in force."""
        self._snapshot = snapshot
        self._generation += 1

    def identity(self) -> dict[str, str | bytes]:
        """Return what health answers say of this worker."""
        revision = self._snapshot.bundle.rule_set.revision
        return {"sidecar-generation": str(self._generation), "sidecar-revision": revision}
