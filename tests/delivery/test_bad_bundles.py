"""Goal 8 of reliability.md: bad bundles of every kind; none comes into force, the old one answers, each is counted once."""

import re
import time

import pytest

from sidecar.rules.bundle import revision
from tests.delivery.bad_bundles import KINDS, Maker
from tests.delivery.parts import Bench
from tests.delivery.sidecars import CANARY, CLEAN, Signed, good, serving

_PLACED = re.compile(r"^[^\s:]+:\d+: \S")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_bad_bundle_is_refused_with_places(tmp_path, kind):
    """One of each kind, by the gates themselves."""
    signed = Signed(tmp_path)
    bench = Bench(tmp_path, required=True, keys=[signed.public])
    before = bench.live.current()
    report = await bench.keeper.push(Maker(signed).make(kind, 0), shadow=False)

    assert report.outcome == "refused"
    assert [fault for fault in report.faults if not _PLACED.match(fault)] == []
    assert (bench.live.current() is before, bench.store.floor().version) == (True, "1.0.0")
    assert [outcome for outcome, _ in bench.listener.reports] == ["refused"]


async def test_the_maker_makes_good_bundles_where_no_harm_is_done(tmp_path):
    """Otherwise every kind would be refused for one and the same reason."""
    signed = Signed(tmp_path)
    bench = Bench(tmp_path, required=True, keys=[signed.public])

    assert (await bench.keeper.push(signed.archive(Maker(signed).files), shadow=False)).outcome == "activated"


async def test_all_faults_are_told_at_once(tmp_path):
    """Two rules, two faults; the author mends both."""
    signed = Signed(tmp_path)
    bench = Bench(tmp_path, required=True, keys=[signed.public])
    report = await bench.keeper.push(Maker(signed).make("two_faults", 0), shadow=False)

    assert [fault.split(":")[0] for fault in report.faults] == [
        "injection/injection-sample.yaml",
        "other/other-sample.yaml",
    ]


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_500_bad_bundles_pushed_to_a_running_sidecar(tmp_path):
    """Every kind many times, half-written ones at 50 places: 0 activated, the old one keeps answering, one count each."""
    signed = Signed(tmp_path)
    signed.write(tmp_path / "rules", good("1.0.0"))
    maker = Maker(signed)
    each = 500 // len(KINDS)
    offers = [(kind, maker.make(kind, seed)) for kind in KINDS for seed in range(50 if kind == "cut_off" else each)]
    offers += [("cut_off", maker.make("cut_off", 1000 + seed)) for seed in range(max(0, 500 - len(offers)))]
    options = ("--rules", str(tmp_path / "rules"), "--rules-trust", str(signed.public), "--rules-push")
    with serving(tmp_path, *options, workers=2) as sidecar:
        outcomes, faultless, unplaced = set(), [], []
        begun = time.monotonic()
        for kind, archive in offers:
            outcome, answer = sidecar.push(archive)
            outcomes.add(outcome)
            faultless += [kind] if not answer.faults else []
            unplaced += [fault for fault in answer.faults if not _PLACED.match(fault)]
            assert sidecar.check(CANARY) == ("block", revision(good("1.0.0")))
            assert sidecar.check(CLEAN)[0] == "allow"
        print(f"{len(offers)} bundles of {len(KINDS)} kinds in {time.monotonic() - begun:.0f} s")
        sidecar.until(lambda: sum(sidecar.reloads().values()) == len(offers))

        assert (outcomes, faultless, unplaced) == ({"refused"}, [], [])
        assert sidecar.reloads() == {"refused": len(offers)}
        assert sidecar.push(signed.archive(good("1.1.0")))[0] == "activated"
