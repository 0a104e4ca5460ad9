"""Goal 10 of reliability.md: killed at any point of an activation, the next start serves the old bundle or the new one."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from sidecar.delivery.store import Store
from sidecar.delivery.wiring import begin
from sidecar.rules.shipping import order
from sidecar.settings import Delivery, Options
from tests.delivery.parts import Bench, bundle
from tests.delivery.sidecars import CANARY, CLEAN, ROOT
from tests.delivery.test_sources import write


class Cutter:
    """A process that activates bundles until it is killed, and starts anew."""

    def __init__(self, folder):
        self.folder = folder
        self.bench = Bench(folder)
        write(folder / "rules", bundle())
        self.options = Options(rules=folder / "rules", policy=str(self.bench.policy))
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("activate.py")), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )

    def cut(self, version, how, amount):
        """Activate a version and cut the power; returns the exit code and the seconds."""
        self.process.stdin.write(f"{version} {how} {amount}\n")
        self.process.stdin.flush()
        code, seconds = self.process.stdout.readline().split()
        return int(code), float(seconds)

    def start(self):
        """Start as a worker does; returns the version in force, the floor, and the verdicts of two texts."""
        store = Store(self.folder / "store")
        begun = begin(Delivery(), self.options, self.bench.load, store)
        check = begun.snapshot.filter()
        verdicts = [check.check_text(text).decision.verdict.label for text in (CANARY, CLEAN)]
        return begun.snapshot.bundle.rule_set.version, store.floor().version, verdicts

    def close(self):
        """End the process."""
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()


def run(folder, cuts):
    """Cut the power so many times, half of them at a step on the store; returns how many came into force all the same."""
    cutter, source, survived = Cutter(folder), random.Random(cuts), 0
    try:
        code, seconds = cutter.cut("1.0.1", "step", 0)
        assert (code, cutter.start()) == (0, ("1.0.1", "1.0.1", ["block", "allow"]))
        outcome, steps = (folder / "steps").read_text().split()
        assert (outcome, int(steps) > 5) == ("activated", True)
        before = highest = "1.0.1"
        for number in range(2, cuts + 2):
            version = f"1.0.{number}"
            how = ("step", source.randint(1, int(steps))) if number % 2 else ("after", source.uniform(0, 1.1 * seconds))
            cutter.cut(version, *how)
            version_now, floor, verdicts = cutter.start()
            assert version_now in (before, version), how
            assert order(floor) >= order(version_now), how
            assert order(floor) >= order(highest), how
            assert verdicts == ["block", "allow"]
            survived += version_now == version
            before, highest = version_now, floor
    finally:
        cutter.close()
    return survived


def test_a_cut_leaves_the_old_bundle_or_the_new_one(tmp_path):
    """A short version: some cuts at each kind of point."""
    assert 0 <= run(tmp_path, 6) <= 6


@pytest.mark.chaos
@pytest.mark.timeout(3600)
def test_200_cuts_leave_the_old_bundle_or_the_new_one(tmp_path):
    """At 200 random points; the floor never falls."""
    survived = run(tmp_path, 200)
    print(f"200 cuts: {survived} times the new bundle was in force")

    assert 0 < survived < 200
