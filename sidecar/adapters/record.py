"""Records decisions: counted, and written to the audit log; the content gives a keyed digest and nothing else."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Protocol

from sidecar.core.audit import Record
from sidecar.core.audit_encoding import Passed, stamp
from sidecar.core.filter import Occasion
from sidecar.core.gatekeeper import Usage
from sidecar.core.stages import Mark, unmarked
from sidecar.errors import EngineError
from sidecar.model import Decision, Verdict
from sidecar.telemetry import Metrics

# Enough that nobody finds another message with the same digest by trying.
_DIGEST_BYTES = 16
# One message in so many has its stages measured: six observations cost as much as scanning a kilobyte.
_MEASURED = 32


class AuditSink(Protocol):
    """Where audit records go."""

    dropped: int

    def tally(self, event: str, counts: Mapping[str, float]) -> None:
        """Add to what is summed up."""
        ...

    def write(self, record: Passed | Record) -> None:
        """Take a record.

        Raises:
            EngineError: it cannot be taken, and nothing may pass unaudited.
        """
        ...


class Recorder:
    """An observer of filters, for one process.

    Args:
        metrics: counts.
        new_id: makes the ids of decisions.
        audit: takes records; None for no audit log.
        digest_key: keys the digests; a bare hash of a short text could be guessed.
        quarantine: given each message that rules blocked; None: none is kept.
        wall_clock: seconds since the epoch.
    """

    def __init__(
        self,
        metrics: Metrics,
        new_id: Callable[[], str],
        *,
        audit: AuditSink | None = None,
        digest_key: bytes = b"",
        quarantine: Callable[[str, Occasion, Decision, bytes], None] | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._metrics = metrics
        self._new_id = new_id
        self._audit = audit
        self._digest_key = digest_key
        self._quarantine = quarantine
        self._wall_clock = wall_clock
        self._unmeasured = 0
        self.clock = time.perf_counter

    def mark(self) -> Mark:
        """Return what measures the stages of the next message: of one in 32, whatever it is."""
        self._unmeasured -= 1
        if self._unmeasured >= 0:
            return unmarked
        self._unmeasured = _MEASURED - 1
        return _Stopwatch(self._metrics.observe_stage).mark

    def observe(self, occasion: Occasion, decision: Decision, content: bytes | str, seconds: float) -> str:
        """Count a decision and write its record.

        Raises:
            EngineError: the record cannot be written, and nothing may pass unaudited.
        """
        id_ = self._new_id()
        self._metrics.count(decision, direction=occasion.direction, length=occasion.length, seconds=seconds)
        if self._audit is not None:
            try:
                self._audit.write(self._record(id_, occasion, decision, content, seconds))
            except EngineError as error:
                self._metrics.failures.labels(error.code, "closed").inc()
                raise
            self._metrics.audit_written.inc()
        if self._quarantine is not None and decision.verdict is Verdict.BLOCK and decision.findings and content:
            data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
            self._quarantine(id_, occasion, decision, data)
        return id_

    def refused(self, reason: str) -> None:
        """Count a request that was turned away before anything was decided about it; `reason` is of a closed set."""
        self._metrics.refusals.labels(reason).inc()
        if self._audit is not None:
            self._audit.tally("turned_away", {reason: 1})

    def used(self, application: str, usage: Usage, money: float, is_warned: bool) -> None:
        """Count what an answer used, by application; `is_warned`: beyond the soft threshold of a budget."""
        self._metrics.count_usage(usage.prompt_tokens, usage.completion_tokens, money, is_warned=is_warned)
        if self._audit is not None:
            facts = {"prompt": usage.prompt_tokens, "completion": usage.completion_tokens, "money": money}
            counts = {f"{application} {kind}": amount for kind, amount in facts.items() if amount}
            if is_warned:
                counts[f"{application} warned"] = 1
            if counts:
                self._audit.tally("usage", counts)

    def report_gap(self, status: str, reason: str) -> None:
        """Count a text that a recognizer did not read."""
        self._metrics.ner_gaps.labels(status, reason).inc()

    def report_wait(self, seconds: float) -> None:
        """Count how long a text waited for the NER model."""
        self._metrics.ner_seconds.observe(seconds)

    def report_lookup(self, *, is_hit: bool) -> None:
        """Count a look into the verdict cache."""
        self._metrics.lookups[is_hit]()

    def _record(
        self, id_: str, occasion: Occasion, decision: Decision, content: bytes | str, seconds: float
    ) -> Passed | Record:
        data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
        digest = blake2b(data, digest_size=_DIGEST_BYTES, key=self._digest_key).hexdigest()
        micros = int(seconds * 1e6)
        if not decision.findings and not decision.reason and not decision.score:
            # What waits to be written holds no text: a decision without findings has none.
            return Passed(self._wall_clock(), id_, occasion, decision.verdict.label, decision.revision, micros, digest)
        masked = Counter(item.entity for item in decision.findings if item.entity and item.verdict >= Verdict.MASK)
        return Record(
            time=stamp(self._wall_clock()),
            id=id_,
            application=occasion.application,
            route=occasion.route,
            direction=occasion.direction,
            format=occasion.format,
            verdict=decision.verdict.label,
            score=round(decision.score, 4),
            rules=tuple(dict.fromkeys(item.rule for item in decision.findings)),
            entities=dict(masked),
            revision=decision.revision,
            reason=decision.reason,
            micros=micros,
            length=occasion.length,
            digest=digest,
        )


class _Stopwatch:
    """Measures one message: each stage from the end of the one before."""

    __slots__ = ("_at", "_observe")

    def __init__(self, observe: Mapping[str, Callable[[float], None]]) -> None:
        self._observe = observe
        self._at = time.perf_counter()

    def mark(self, stage: str) -> None:
        now = time.perf_counter()
        self._observe[stage](now - self._at)
        self._at = now
