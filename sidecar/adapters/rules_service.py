"""`sidecar.v1.RulesService`: rule updates of a running sidecar; what is behind it keeps the rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from sidecar.adapters._pb import rules_pb2 as pb
from sidecar.adapters.rpc import Call, Method, RpcError, Shape, Status
from sidecar.errors import BundleError
from sidecar.rules.archive import ARCHIVE_LIMIT
from sidecar.rules.bundle import Bundle

_SERVICE = "/sidecar.v1.RulesService/"


class Report(Protocol):
    """How a step ended."""

    @property
    def outcome(self) -> str:
        """What was done, by the names of `RulesOutcome` in lower case."""

    @property
    def faults(self) -> tuple[str, ...]:
        """Why it was refused."""


class ShadowReport(Protocol):
    """What the shadow saw."""

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


class Rules(Protocol):
    """Who keeps the rules."""

    async def push(self, archive: bytes, *, shadow: bool) -> Report:
        """Take a bundle as an archive."""

    async def promote(self) -> Report:
        """Put the shadow in force."""

    async def end_shadow(self) -> Report:
        """End the shadow."""

    async def roll_back(self, wanted: str = "") -> Report:
        """Return to an earlier bundle."""

    def bundles(self) -> tuple[Bundle, Bundle | None, Bundle | None]:
        """Return the bundle in force, the one before it, and the shadow's."""

    def shadow_report(self) -> ShadowReport | None:
        """Return what the shadow saw."""


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
        try:
            report = await self._rules.push(request.archive, shadow=request.shadow)
        except BundleError as error:
            return pb.RulesResponse(outcome=pb.RULES_OUTCOME_REFUSED, faults=error.faults)
        return self._answer(report, shadow=request.shadow)

    def status(self, request: pb.StatusRequest, call: Call) -> pb.StatusResponse:
        """Tell what runs."""
        del request
        self._admit(call)
        active, previous, shadow = self._rules.bundles()
        answer = pb.StatusResponse(active=_info(active))
        if previous is not None:
            answer.previous.CopyFrom(_info(previous))
        report = self._rules.shadow_report()
        if shadow is not None and report is not None:
            answer.shadow.CopyFrom(
                pb.ShadowStatus(
                    bundle=_info(shadow),
                    compared=report.compared,
                    dropped=report.dropped,
                    failed=report.failed,
                    differences=report.differences,
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

    def _answer(self, report: Report, *, shadow: bool = False) -> pb.RulesResponse:
        answer = pb.RulesResponse(outcome=f"RULES_OUTCOME_{report.outcome.upper()}", faults=report.faults)
        active, _, candidate = self._rules.bundles()
        if report.outcome != "refused":
            answer.bundle.CopyFrom(_info(candidate if shadow and candidate is not None else active))
        return answer


def _info(bundle: Bundle) -> pb.BundleInfo:
    rules = bundle.rule_set
    return pb.BundleInfo(name=rules.name, version=rules.version, revision=rules.revision, rules=len(rules.rules))
