"""READ THIS FIRST: the whole data path, top to bottom, in `Engine.inspect`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import msgspec

from sidecar.core.coding import DECODERS, Decoder
from sidecar.core.confirm import Plan, confirm, confirm_rules
from sidecar.core.decide import TargetPolicy, decide
from sidecar.core.extract import extract, unread
from sidecar.core.joins import find_split
from sidecar.core.limits import Sizes
from sidecar.core.lookout import NOTHING, Lookout
from sidecar.core.mask import mask
from sidecar.core.normalise import normalise
from sidecar.core.prefixes import PrefixAutomaton
from sidecar.core.pseudonyms import Keyring, Pseudonyms
from sidecar.core.recall import Recall
from sidecar.core.restore import restored
from sidecar.core.scan import Scanner, Signs, scan
from sidecar.core.schemas import Format, Schema
from sidecar.core.score import Weigher, score
from sidecar.core.stages import Mark, unmarked
from sidecar.core.turns import Turns, removed
from sidecar.errors import BodyTooLarge
from sidecar.model import Decision, Finding, Segment, Verdict


class Lane(msgspec.Struct, frozen=True):
    """Rules and policy for one application and route, compiled at load.

    Args:
        plans: what to ask of texts, by target.
        policies: what to do about what is found, by target.
        body_limit: bytes of a body.
        text_limit: code points of one text.
        sizes: what is allowed of tokens, messages and depth; None: as much as they like.
        fail_open: the directions (`request`, `response`) in which a message passes when we fail.
        pass_unreadable: whether a body that cannot be read is passed unseen.
        enforced: whether verdicts are obeyed; else they are only reported.
        decoders: undo content codings, by their names.
        waits: whether a recognizer waits for another process; whoever must not wait inspects in a thread.
        keyring: what pseudonyms are made with; None where no policy asks for any.
        pseudonyms: those of the exchange at hand; None: they are not restored.
        lookout: what answers are looked at for beside the rules.
        recall: prepares what the answer to a request must not say again; None where nothing is compared.
        formats: those that the policy describes, for paths of no built-in format.
        joins: whether neighbouring texts are also read together, for payloads that were split.
        form: reads from a request the form that its answer has to keep; None where that is not checked.
        sanitises: whether some texts are rewritten although nothing was found in them; worked out, not given.
        guarded: the directions in which anything is looked for; worked out, not given.
        automatons: what could still become a match, by direction, with what it was made of; filled as it is asked for.
    """

    plans: Mapping[str, Plan]
    policies: Mapping[str, TargetPolicy]
    body_limit: int = 10 * 2**20
    text_limit: int = 5 * 2**20
    sizes: Sizes | None = None
    fail_open: frozenset[str] = frozenset()
    pass_unreadable: bool = False
    enforced: bool = True
    waits: bool = False
    keyring: Keyring | None = None
    pseudonyms: Pseudonyms | None = None
    lookout: Lookout = NOTHING
    recall: Recall | None = None
    form: Callable[[bytes], Lookout] | None = None
    joins: bool = False
    formats: tuple[Format, ...] = ()
    sanitises: bool = False
    guarded: frozenset[str] = frozenset()
    automatons: dict[str, tuple[Mapping[str, Plan], Lookout, PrefixAutomaton]] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        """Work out once what every clean message would ask again."""
        guarded = {target.partition(".")[0] for target, policy in self.policies.items() if policy.is_active}
        restored = {"response"} if self.keyring is not None else set()
        msgspec.structs.force_setattr(self, "guarded", frozenset(guarded | restored))
        msgspec.structs.force_setattr(self, "sanitises", any(item.always_sanitise for item in self.policies.values()))

    decoders: Mapping[str, Decoder] = msgspec.field(default_factory=lambda: DECODERS)

    def guards(self, direction: str) -> bool:
        """Say whether anything is looked for in messages of a direction."""
        return direction in self.guarded


class Outcome(msgspec.Struct, frozen=True):
    """What was decided about a body.

    Args:
        decision: what was decided.
        body: what may go on; edited where the verdict is mask.
        id: the decision's.
        recall: what to look for in the answer, where the body was a request.
    """

    decision: Decision
    body: bytes
    id: str = ""
    recall: Lookout = NOTHING


class Engine:
    """Inspects messages: one pass over all rules, then a second look at what fired.

    Args:
        scanner: runs all gates at once.
        revision: the revision of the rules that were compiled into it.
        signs: the gates that tell of disguises, which are then undone.
        weigh: gives the injection score of texts; only findings count if left out.
    """

    def __init__(
        self, scanner: Scanner, *, revision: str, signs: Signs | None = None, weigh: Weigher | None = None
    ) -> None:
        self.scanner = scanner
        self.signs = signs or {}
        self.weigh = weigh or Weigher()
        self.revision = revision
        self._clean = Decision(Verdict.ALLOW, revision=revision)

    def inspect(
        self,
        body: bytes,
        schema: Schema,
        lane: Lane,
        recall: Lookout = NOTHING,
        turns: Turns | None = None,
        *,
        mark: Mark = unmarked,
    ) -> Outcome:
        """Inspect one message body.

        Args:
            body: the message, decoded from any content coding.
            schema: its format.
            lane: rules and policy of the caller.
            recall: for an answer, what its request gave to look for.
            turns: for a request, what its application's conversations have been judged; None: all of it is new.
            mark: told of each stage when it is done.

        Raises:
            InputError: the body cannot be read.
            EngineError: we failed; the failure policy decides.
        """
        segments = extract(body, schema)
        mark("extract")
        if len(body) > lane.text_limit and any(len(segment.text) > lane.text_limit for segment in segments):
            raise BodyTooLarge(f"a text of the body is longer than {lane.text_limit} code points")
        if turns is None:
            decision = self.judge(segments, lane, recall, mark=mark)
        else:
            decision = self._judge_turns(segments, lane, turns, mark)
        mark("decide")
        edited = mask(body, decision.edits, schema)
        mark("mask")
        return Outcome(decision, edited, recall=_recalled(body, segments, decision, lane))

    def _judge_turns(self, segments: Sequence[Segment], lane: Lane, turns: Turns, mark: Mark) -> Decision:
        """Judge what is new in a conversation, and take out what was blocked in an earlier turn."""
        split = turns.split(segments)
        decision = self.judge(segments, lane, fresh=split.fresh, mark=mark)
        turns.remember(split, decision.findings)
        if not split.blocked:
            return decision
        findings, edits = removed(split.blocked)
        return msgspec.structs.replace(
            decision,
            verdict=max(decision.verdict, Verdict.MASK),
            findings=(*decision.findings, *findings),
            edits=(*decision.edits, *edits) if decision.verdict is not Verdict.BLOCK else (),
        )

    def _find(self, segments: Sequence[Segment], lane: Lane) -> Sequence[Finding]:
        return confirm_rules(scan(normalise(segments), self.scanner, self.signs), lane.plans)

    def judge(
        self,
        segments: Sequence[Segment],
        lane: Lane,
        recall: Lookout = NOTHING,
        fresh: Sequence[Segment] | None = None,
        *,
        mark: Mark = unmarked,
    ) -> Decision:
        """Inspect texts that were already extracted.

        Args:
            segments: the texts of a message.
            lane: rules and policy of the caller.
            recall: for an answer, what its request gave to look for.
            fresh: those that were not judged before; None for all.
            mark: told of each stage when it is done.
        """
        hits = scan(normalise(segments if fresh is None else fresh), self.scanner, self.signs)
        mark("scan")
        findings = confirm(hits, lane.plans) if hits else []
        findings += unread(segments if fresh is None else fresh)
        mark("confirm")
        if lane.joins and len(segments) > 1:
            findings += find_split(segments, partial(self._find, lane=lane), findings, fresh)
        pseudonyms = lane.pseudonyms
        lookout = lane.lookout if recall is NOTHING else lane.lookout + recall
        scores = score(hits, findings, self.weigh) if hits or findings else []
        is_quiet = not findings and not scores and not lane.sanitises and (not hits or pseudonyms is None)
        if is_quiet and not lookout.concerns(segments):
            return self._clean if pseudonyms is None else restored(self._clean, segments, pseudonyms)
        if lookout is not NOTHING:
            findings = lookout.keep(findings) + lookout.find(segments) + lookout.measure(segments)
        if pseudonyms is None:
            # No exchange: within this message, too, a value has one pseudonym and another value has another.
            alone = Pseudonyms(msgspec.structs.replace(lane.keyring, vault=None)) if lane.keyring else None
            return decide(segments, findings, scores, lane.policies, revision=self.revision, pseudonyms=alone)
        pseudonyms.reserve(segment.text for segment in segments if segment.target.startswith("request."))
        decision = decide(segments, findings, scores, lane.policies, revision=self.revision, pseudonyms=pseudonyms)
        pseudonyms.keep()
        return restored(decision, segments, pseudonyms)

    def judge_until(self, segment: Segment, lane: Lane, cut: int, recall: Lookout = NOTHING) -> tuple[Decision, int]:
        """Inspect a text of which more may come, and decide about its beginning.

        Args:
            segment: the text so far; from `segment.start` on it is undecided.
            lane: rules and policy of the caller.
            cut: no match that begins before it can be completed or changed by what is still to come.
            recall: what the request gave to look for.

        Returns:
            The decision about what begins before the cut, and the cut, moved left out of any finding.
        """
        pseudonyms = lane.pseudonyms
        hits = scan(normalise((segment,)), self.scanner, self.signs)
        lookout = lane.lookout + recall
        findings = lookout.keep(confirm(hits, lane.plans)) + lookout.find((segment,))
        if not findings and not hits and pseudonyms is None:
            return self._clean, cut
        reaches = [finding.around or (finding.start, finding.end) for finding in findings]
        whole = list(reaches)
        if pseudonyms is not None:
            cut = min(cut, max(segment.start, pseudonyms.open_from(segment.text)))
            whole += [(item.start, item.end) for item in pseudonyms.find(segment.text)]
        while straddling := [start for start, end in whole if start < cut < end]:
            cut = min(straddling)
        final = [finding for finding, (start, _) in zip(findings, reaches, strict=True) if start < cut]
        scores = score(hits, final, self.weigh)
        decision = decide((segment,), final, scores, lane.policies, revision=self.revision, pseudonyms=pseudonyms)
        return (restored(decision, (segment,), pseudonyms, cut=cut) if pseudonyms else decision), cut

    def rule_on(self, findings: Sequence[Finding], lane: Lane) -> Decision:
        """Decide about findings that were made elsewhere."""
        return decide((), findings, (), lane.policies, revision=self.revision)


def _recalled(body: bytes, segments: Sequence[Segment], decision: Decision, lane: Lane) -> Lookout:
    """Return what to look for in the answer to a request; nothing, where the body is an answer itself."""
    if (lane.recall is None and lane.form is None) or not any(s.target.startswith("request.") for s in segments):
        return NOTHING
    recalled = NOTHING if lane.recall is None else lane.recall.of(segments, decision)
    return recalled if lane.form is None else recalled + lane.form(body)
