"""`RulesService` over its messages: push, status, promote, rollback, and who may."""

import pytest

from sidecar.adapters._pb import rules_pb2 as pb
from sidecar.adapters.rpc import RpcError
from sidecar.adapters.rules_service import RulesService
from sidecar.rules.archive import pack
from tests.delivery.parts import Bench, bundle


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def service(bench, admit=None):
    return RulesService(bench.fleet, admit)


async def test_push_puts_a_bundle_in_force_and_status_tells(bench):
    """Name, version, revision and the number of rules."""
    answer = await service(bench).push(pb.PushRequest(archive=pack(bundle("1.1.0"))), None)
    status = await service(bench).status(pb.StatusRequest(), None)

    assert (answer.outcome, answer.bundle.version) == (pb.RULES_OUTCOME_ACTIVATED, "1.1.0")
    assert (status.active, status.previous.version) == (answer.bundle, "1.0.0")
    assert (status.active.name, status.active.rules) == ("sample", 1)


@pytest.mark.parametrize("archive", [b"", b"no archive", pack({"bundle.yaml": b"x: 1"}), pack(bundle("0.1.0"))])
async def test_push_of_a_bad_bundle_answers_with_its_faults(bench, archive):
    """A refusal is an answer, not an error of the call; what is in force stays."""
    await service(bench).push(pb.PushRequest(archive=pack(bundle("1.1.0"))), None)
    answer = await service(bench).push(pb.PushRequest(archive=archive), None)

    assert answer.outcome == pb.RULES_OUTCOME_REFUSED
    assert answer.faults
    assert bench.version == "1.1.0"


async def test_shadow_promote_and_rollback(bench):
    """The three steps, each with the bundle that it is about."""
    rules = service(bench)
    shadow = await rules.push(pb.PushRequest(archive=pack(bundle("1.1.0")), shadow=True), None)
    running = await rules.status(pb.StatusRequest(), None)
    promoted = await rules.promote(pb.PromoteRequest(), None)
    back = await rules.roll_back(pb.RollbackRequest(), None)

    assert (shadow.outcome, shadow.bundle.version) == (pb.RULES_OUTCOME_SHADOWING, "1.1.0")
    assert (running.active.version, running.shadow.bundle.version) == ("1.0.0", "1.1.0")
    assert (promoted.outcome, promoted.bundle.version) == (pb.RULES_OUTCOME_PROMOTED, "1.1.0")
    assert (back.outcome, back.bundle.version) == (pb.RULES_OUTCOME_ROLLED_BACK, "1.0.0")


async def test_the_shadow_can_be_discarded(bench):
    """Promote with `discard` ends it."""
    rules = service(bench)
    await rules.push(pb.PushRequest(archive=pack(bundle("1.1.0")), shadow=True), None)
    ended = await rules.promote(pb.PromoteRequest(discard=True), None)

    assert ended.outcome == pb.RULES_OUTCOME_SHADOW_ENDED
    assert not (await rules.status(pb.StatusRequest(), None)).HasField("shadow")


async def test_callers_who_may_not_are_refused_everywhere(bench):
    """Every method asks."""

    def admit(call):
        raise RpcError(7, "no")

    rules = service(bench, admit)
    for method, request in (
        (rules.push, pb.PushRequest()),
        (rules.roll_back, pb.RollbackRequest()),
        (rules.promote, pb.PromoteRequest()),
        (rules.status, pb.StatusRequest()),
    ):
        with pytest.raises(RpcError):
            await method(request, None)
