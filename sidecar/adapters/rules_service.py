"""`sidecar.v1.RulesService`: rule updates of a running sidecar; what is behind it keeps the rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from sidecar.adapters._pb import rules_pb2 as pb
from sidecar.adapters.rpc import Call, Method, RpcError, Shape, Status
from sidecar.rules.archive import ARCHIVE_LIMIT
from sidecar.rules.bundle import Bundle

_SERVICE = "/sidecar.v1.RulesService/"


class WorkerRules(Protocol):
    """What one worker runs; the fields are those of the message."""

    @property
    def worker(self) -> int:
        """Its number."""

    @property
    def pid(self) -> int:
        """Its process."""

    @property
    def generation(self) -> int:
        """The changes that it has made."""

    @property
    def revision(self) -> str:
        """Of its rules."""

    @property
    def version(self) -> str:
        """Of its rules."""

    @property
    def failure(self) -> str:
        """Why it did not follow."""


class Step(Protocol):
    """How a step ended."""

    @property
    def outcome(self) -> str:
        """What was done, by the names of `RulesOutcome` in lower case."""

    @property
    def faults(self) -> tuple[str, ...]:
        """Why it was refused."""

    @property
    def workers(self) -> Sequence[WorkerRules]:
        """What each worker runs now."""


class Named(Protocol):
    """A bundle by name."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def version(self) -> str:
        """Its version."""

    @property
    def revision(self) -> str:
        """Of its files."""

    @property
    def rules(self) -> int:
        """How many it holds."""


class Seen(Protocol):
    """What the shadows saw."""

    @property
    def compared(self) -> int:
        """Messages that both decided."""

    @property
    def dropped(self) -> int:
        """Messages that it could not keep up with."""

    @property
    def failed(self) -> int:
        """Messages on which it failed."""

    @property
    def differences(self) -> Mapping[str, int]:
        """How often verdicts differed, by change."""


class Overview(Protocol):
    """What the sidecar runs."""

    @property
    def active(self) -> Bundle:
        """In force."""

    @property
    def previous(self) -> Named | None:
        """What a rollback returns to."""

    @property
    def shadow(self) -> Bundle | None:
        """Beside it."""

    @property
    def seen(self) -> Seen:
        """What the shadows saw."""

    @property
    def last_refusal(self) -> tuple[str, ...]:
        """Why something was refused."""

    @property
    def workers(self) -> Sequence[WorkerRules]:
        """What each worker runs."""


class Rules(Protocol):
    """Who keeps the rules of all workers."""

    async def push(self, archive: bytes, *, shadow: bool) -> Step:
        """Take a bundle as an archive."""

    async def promote(self) -> Step:
        """Put the shadow in force."""

    async def end_shadow(self) -> Step:
        """End the shadow."""

    async def roll_back(self, wanted: str = "") -> Step:
        """Return to an earlier bundle."""

    async def status(self) -> Overview:
        """Return what every worker runs."""

    def bundles(self) -> tuple[Bundle, Bundle | None]:
        """Return the bundle in force and the shadow's, of this worker."""


class RulesService:
    """Answers every method of the service.

    Args:
        rules: keeps them.
        admit: refuses callers who may not change rules, by raising `RpcError`; None: whoever reaches the port may.
    """

    def __init__(self, rules: Rules, admit: Callable[[Call], None] | None = None) -> None:
        self._rules = rules
        self._admit = admit or (lambda _call: None)

    def methods(self) -> list[Method]:
        """Return the methods for a host."""
        return [
            Method(_SERVICE + "Push", Shape.UNARY, pb.PushRequest, pb.RulesResponse, self.push),
            Method(_SERVICE + "Status", Shape.UNARY, pb.StatusRequest, pb.StatusResponse, self.status),
            Method(_SERVICE + "Rollback", Shape.UNARY, pb.RollbackRequest, pb.RulesResponse, self.roll_back),
            Method(_SERVICE + "Promote", Shape.UNARY, pb.PromoteRequest, pb.RulesResponse, self.promote),
        ]

    async def push(self, request: pb.PushRequest, call: Call) -> pb.RulesResponse:
        """Take a bundle."""
        self._admit(call)
        if len(request.archive) > ARCHIVE_LIMIT:
            raise RpcError(Status.INVALID_ARGUMENT, f"an archive of more than {ARCHIVE_LIMIT} bytes")
        return self._answer(await self._rules.push(request.archive, shadow=request.shadow), shadow=request.shadow)

    async def status(self, request: pb.StatusRequest, call: Call) -> pb.StatusResponse:
        """Tell what runs."""
        del request
        self._admit(call)
        found = await self._rules.status()
        answer = pb.StatusResponse(
            active=_info(found.active), workers=map(_worker, found.workers), last_refusal=found.last_refusal
        )
        if found.previous is not None:
            named = found.previous
            answer.previous.CopyFrom(
                pb.BundleInfo(name=named.name, version=named.version, revision=named.revision, rules=named.rules)
            )
        if found.shadow is not None:
            seen = found.seen
            answer.shadow.CopyFrom(
                pb.ShadowStatus(
                    bundle=_info(found.shadow),
                    compared=seen.compared,
                    dropped=seen.dropped,
                    failed=seen.failed,
                    differences=seen.differences,
                )
            )
        return answer

    async def roll_back(self, request: pb.RollbackRequest, call: Call) -> pb.RulesResponse:
        """Return to an earlier bundle."""
        self._admit(call)
        return self._answer(await self._rules.roll_back(request.revision))

    async def promote(self, request: pb.PromoteRequest, call: Call) -> pb.RulesResponse:
        """Put the shadow in force, or end it."""
        self._admit(call)
        return self._answer(await (self._rules.end_shadow() if request.discard else self._rules.promote()))

    def _answer(self, step: Step, *, shadow: bool = False) -> pb.RulesResponse:
        answer = pb.RulesResponse(
            outcome=f"RULES_OUTCOME_{step.outcome.upper()}", faults=step.faults, workers=map(_worker, step.workers)
        )
        active, candidate = self._rules.bundles()
        if step.outcome != "refused":
            answer.bundle.CopyFrom(_info(candidate if shadow and candidate is not None else active))
        return answer


def _info(bundle: Bundle) -> pb.BundleInfo:
    rules = bundle.rule_set
    return pb.BundleInfo(name=rules.name, version=rules.version, revision=rules.revision, rules=len(rules.rules))


def _worker(found: WorkerRules) -> pb.WorkerRules:
    return pb.WorkerRules(
        worker=found.worker,
        pid=found.pid,
        generation=found.generation,
        revision=found.revision,
        version=found.version,
        failure=found.failure,
    )
