"""Offers are taken, shadowed, promoted and rolled back; a bad one never replaces a good one."""

import asyncio

import pytest

from sidecar.delivery.build import Gates
from sidecar.delivery.store import Active
from sidecar.errors import BundleError
from sidecar.rules.bundle import revision
from sidecar.rules.shipping import Floor
from tests.delivery.parts import Bench, bundle, until
from tests.rules.test_lint import RULE

PROBE = "please open sesame"


async def test_a_good_bundle_comes_into_force_and_old_requests_keep_theirs(tmp_path):
    """One reference changes; a filter that was taken before decides by the old rules."""
    bench = Bench(tmp_path)
    old = bench.live.current().filter()
    report = await bench.keeper.take(bench.offer(bundle("1.1.0", verdict="block")))

    assert (report.outcome, bench.version) == ("activated", "1.1.0")
    assert (bench.verdict(), old.check_text(PROBE).decision.verdict.label) == ("block", "flag")
    assert bench.listener.reports == [("activated", "1.1.0")]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"bundle.yaml": b"schema: 1\n"}, "missing required field"),
        (bundle("1.1.0", rule=RULE.replace("Detects", "Finds")), "does not begin with `Detects`"),
        (bundle("1.1.0", rule=RULE.replace("please open sesame", "please")), "should be found and is not"),
        (bundle("1.1.0", rule=RULE.replace("open\\s{1,9}", "(?:o{1,9}){1,9}")), "catastrophic backtracking"),
        (bundle("1.1.0", rule=RULE[:200]), "injection-sample.yaml:"),
        (bundle("0.9.0"), "is older than"),
        (bundle("1.0.0", verdict="block"), "published with other contents"),
    ],
)
async def test_a_bad_bundle_is_refused_with_its_faults_and_the_good_one_stays(tmp_path, files, words):
    """Broken, half-written, failing its own tests, replayed: nothing changes but a count."""
    bench = Bench(tmp_path)
    await bench.keeper.take(bench.offer(bundle("1.0.0", rule=RULE.replace("title: A sample", "title: First"))))
    before = bench.live.current()
    report = await bench.keeper.take(bench.offer(files))

    assert report.outcome == "refused"
    assert any(words in fault for fault in report.faults), report.faults
    assert bench.live.current() is before
    assert bench.listener.reports[-1][0] == "refused"


async def test_a_bundle_that_takes_too_long_is_refused(tmp_path):
    """The process that checks and compiles is ended."""
    bench = Bench(tmp_path, seconds=0.05, apart=True)
    report = await bench.keeper.take(bench.offer(bundle("1.1.0")))

    assert (report.outcome, bench.version) == ("refused", "1.0.0")
    assert "took more than" in report.faults[0]


@pytest.mark.parametrize(("keys", "outcome"), [((), "refused"), (("ada",), "refused"), (("ada", "bob"), "activated")])
async def test_signatures_are_asked_for_by_policy(tmp_path, keys, outcome):
    """None, too few, enough."""
    bench = Bench(tmp_path, required=True, threshold=2)

    assert (await bench.keeper.take(bench.offer(bundle("1.1.0"), *keys))).outcome == outcome


async def test_a_bundle_is_built_by_a_process_of_its_own(tmp_path):
    """The way a running sidecar does it."""
    bench = Bench(tmp_path, apart=True)

    assert (await bench.keeper.take(bench.offer(bundle("1.1.0")))).outcome == "activated"


async def test_the_same_bundle_again_changes_nothing(tmp_path):
    """Pushing twice is harmless."""
    bench = Bench(tmp_path)

    assert (await bench.keeper.take(bench.offer(bundle()))).outcome == "unchanged"


async def test_a_shadow_reports_differences_and_decides_nothing_until_promoted(tmp_path):
    """Verdicts stay those of the bundle in force; each difference is counted."""
    bench = Bench(tmp_path)
    await bench.keeper.take(bench.offer(bundle("1.1.0", verdict="block")), shadow=True)
    verdicts = {bench.verdict() for _ in range(5)} | {bench.verdict("good morning")}
    await until(lambda: bench.keeper.shadow_report().compared == 6)

    assert (verdicts, bench.version) == ({"flag", "allow"}, "1.0.0")
    assert bench.keeper.shadow_report().differences == {"flag->block": 5}
    assert bench.listener.changes == ["flag->block"] * 5
    assert ((await bench.keeper.promote()).outcome, bench.verdict()) == ("promoted", "block")
    assert bench.keeper.shadow_report() is None


async def test_a_shadow_does_not_watch_itself(tmp_path):
    """Its own decisions are not compared again, before or after its promotion."""
    bench = Bench(tmp_path)
    await bench.keeper.take(bench.offer(bundle("1.1.0", verdict="block")), shadow=True)
    bench.verdict()
    await asyncio.sleep(0.1)

    assert bench.keeper.shadow_report().compared == 1


async def test_a_shadow_can_be_ended(tmp_path):
    """Without a trace but its report."""
    bench = Bench(tmp_path)
    await bench.keeper.take(bench.offer(bundle("1.1.0")), shadow=True)

    assert (await bench.keeper.end_shadow()).outcome == "shadow_ended"
    assert (await bench.keeper.promote()).faults == ("no shadow is running",)


async def test_rollback_returns_to_the_bundle_before_and_keeps_the_floor(tmp_path):
    """The way back is open; a replay of the old version by push is not."""
    bench = Bench(tmp_path)
    await bench.keeper.take(bench.offer(bundle("1.1.0")))

    assert ((await bench.keeper.roll_back()).outcome, bench.version) == ("rolled_back", "1.0.0")
    assert (await bench.keeper.take(bench.offer(bundle("1.0.5")))).outcome == "refused"


async def test_rollback_to_a_revision_survives_a_restart(tmp_path):
    """The store keeps what was in force."""
    first = Bench(tmp_path)
    first.keeper.adopt(first.offer(bundle()))
    wanted = first.live.current().bundle.rule_set.revision
    await first.keeper.take(first.offer(bundle("1.1.0")))
    second = Bench(tmp_path)
    await second.keeper.take(second.offer(bundle("1.2.0")))

    assert ((await second.keeper.roll_back(wanted)).outcome, second.version) == ("rolled_back", "1.0.0")
    assert "no such bundle" in (await second.keeper.roll_back("f" * 64)).faults[0]


async def test_the_floor_survives_a_restart(tmp_path):
    """An older bundle is a replay after a restart, too."""
    first = Bench(tmp_path)
    await first.keeper.take(first.offer(bundle("2.0.0")))
    second = Bench(tmp_path)

    assert (await second.keeper.take(second.offer(bundle("1.5.0")))).outcome == "refused"


async def test_workers_follow_each_other_through_the_store(tmp_path):
    """Activation, shadow and promotion of one worker reach the other, without another build."""
    one, two = Bench(tmp_path), Bench(tmp_path)
    for bench in (one, two):
        bench.keeper.adopt(bench.offer(bundle()))
    await one.keeper.take(one.offer(bundle("1.1.0")))
    await two.keeper.follow()
    followed = two.version
    await one.keeper.take(one.offer(bundle("1.2.0", verdict="block")), shadow=True)
    await two.keeper.follow()
    shadow = two.keeper.shadow_report()
    await two.keeper.promote()
    await one.keeper.follow()

    assert (followed, shadow.version) == ("1.1.0", "1.2.0")
    assert (one.version, two.version) == ("1.2.0", "1.2.0")
    assert one.keeper.shadow_report() is None
    assert one.store.active() == two.store.active()


async def test_a_store_that_was_tampered_with_is_not_followed(tmp_path):
    """What the other worker wrote is looked at again: its signatures must still fit."""
    one, two = Bench(tmp_path, required=True), Bench(tmp_path, required=True)
    await one.keeper.take(one.offer(bundle("1.1.0"), "ada"))
    revision = one.live.current().bundle.rule_set.revision
    (tmp_path / "store" / "bundles" / f"{revision}.tar.gz").unlink()
    one.store.put(revision, bundle("1.1.0", verdict="block"), None)

    with pytest.raises(BundleError, match="not signed"):
        await two.keeper.follow()
    assert two.version == "1.0.0"


async def test_a_source_does_not_undo_a_rollback(tmp_path):
    """It still shows what was rolled back from; only something else, or a person, brings rules in again."""
    bench = Bench(tmp_path)
    bad, better = bench.offer(bundle("1.1.0")), bench.offer(bundle("1.2.0"))
    await bench.keeper.find(bad, is_first=False)
    await bench.keeper.roll_back()
    shown = [(await bench.keeper.find(bad, is_first=is_first)).outcome for is_first in (True, False)]
    after = bench.version
    pushed = (await bench.keeper.take(bad)).outcome
    await bench.keeper.roll_back()
    await bench.keeper.find(better, is_first=False)

    assert (shown, after, pushed, bench.version) == (["unchanged", "unchanged"], "1.0.0", "activated", "1.2.0")


async def test_what_a_source_shows_first_may_be_old(tmp_path):
    """A folder that nobody has changed for a while is no attempt to go back; later it is."""
    bench = Bench(tmp_path)
    await bench.keeper.take(bench.offer(bundle("1.1.0")))
    old = bench.offer(bundle("1.0.1"))
    first, later = [await bench.keeper.find(old, is_first=is_first) for is_first in (True, False)]

    assert (first.outcome, later.outcome, bench.version) == ("unchanged", "refused", "1.1.0")


async def test_two_workers_that_are_offered_bundles_at_once_end_on_the_newer(tmp_path):
    """Both passed the gates while neither was in force; the older one would have replaced the newer."""
    one, two = Bench(tmp_path), Bench(tmp_path)
    older, newer = one.offer(bundle("1.1.0")), two.offer(bundle("1.2.0"))
    build = two.keeper._gates.build

    def build_late(files, policy, seconds):
        build(files, policy, seconds)
        one.store.activate(Active(9, revision(newer.files), "", ""), Floor("1.2.0", revision(newer.files)))

    one.keeper._gates = Gates(str(one.policy), build_late, one.load)
    report = await one.keeper.take(older)

    assert (report.outcome, one.version) == ("refused", "1.0.0")
    assert "version 1.2.0 came into force meanwhile" in report.faults[0]


async def test_a_store_that_cannot_be_written_changes_nothing(tmp_path, monkeypatch):
    """A full disk: what would be forgotten at the next start does not come into force."""
    bench = Bench(tmp_path)

    def full(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(bench.store, "_write", full)
    report = await bench.keeper.take(bench.offer(bundle("1.1.0")))

    assert (report.outcome, bench.version) == ("refused", "1.0.0")
    assert "No space left" in report.faults[0]


async def test_a_worker_that_cannot_follow_says_why(tmp_path):
    """And goes on with the rules that it has, until it is replaced."""
    one, two = Bench(tmp_path), Bench(tmp_path)
    await one.keeper.take(one.offer(bundle("1.1.0")))
    (tmp_path / "store" / "bundles" / f"{revision(bundle('1.1.0'))}.tar.gz").write_bytes(b"damaged")
    answer = await two.fleet.answer("follow")

    assert (answer["version"], "not a gzipped tar archive" in answer["failure"]) == ("1.0.0", True)
    assert two.listener.reports[-1][0] == "not_followed"
