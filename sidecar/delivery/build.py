"""The gates that a bundle passes before it may be put in force; READ `admit` FIRST."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from sidecar.app import Options, Snapshot, load_files
from sidecar.backends.re_scanner import ReScanner
from sidecar.errors import BundleError, SidecarError
from sidecar.rules.differential import compare
from sidecar.rules.lint import lint
from sidecar.rules.selftest import lane_of_everything, run_tests
from sidecar.rules.shipping import Envelope, Floor, Trust, Verifier, faults

# One text for each kind of gate and place is enough to see an engine that cannot be trusted; the long suite does more.
SHORT_DIFFERENTIAL = 2000
# The shipped bundle with all of Presidio's patterns takes 20 s on one slow core.
BUILD_SECONDS = 120.0


class Terms(msgspec.Struct, frozen=True):
    """What a bundle must meet.

    Args:
        trust: which signatures are asked for.
        verifier: the known keys.
        seconds: how long checking and compiling may take.
    """

    trust: Trust
    verifier: Verifier
    seconds: float = BUILD_SECONDS


Load = Callable[[Mapping[str, bytes], bool], Snapshot]
"""Makes a snapshot of files; its decisions are counted and recorded where the second argument is true."""


Builder = Callable[[Mapping[str, bytes], str, float], None]
"""Checks and compiles files under a policy, by name or file, within so many seconds; raises `BundleError`."""


class Offer(msgspec.Struct, frozen=True):
    """A bundle that somebody offers.

    Args:
        files: its files, without the envelope.
        envelope: the signatures that came with them.
        origin: where it comes from, for people.
        rollback: whether an older version than the one in force is wanted.
    """

    files: dict[str, bytes]
    envelope: Envelope | None
    origin: str
    rollback: bool = False


def admit(offer: Offer, terms: Terms, policy: str, *, floor: Floor, now: float, builder: Builder) -> None:
    """Let a bundle through, or refuse it with all faults.

    Signatures, versions and house rules are looked at here; compiling, self-tests and the differential run in a process
    of their own that is ended when it takes too long. What it compiled stays in the cache.

    Args:
        offer: the bundle.
        terms: what it must meet.
        policy: name or file of the policy, for the other process.
        floor: the newest version that was in force.
        now: seconds since 1970.
        builder: checks and compiles; `build_apart` where it must not cost this process anything.

    Raises:
        BundleError: names every fault.
    """
    found = faults(
        offer.files, offer.envelope, terms.trust, terms.verifier, now=now, floor=floor, rollback=offer.rollback
    )
    found += lint(offer.files)
    if found:
        raise BundleError(*dict.fromkeys(found))
    builder(offer.files, policy, terms.seconds)


def build(
    files: Mapping[str, bytes],
    options: Options,
    *,
    progress: Callable[[], None] = lambda: None,
) -> Snapshot:
    """Lint, compile, self-test and compare with the oracle; in this process, without a limit of time.

    Raises:
        BundleError: names every fault.
    """
    found = lint(files)
    progress()
    if found:
        raise BundleError(*found)
    try:
        snapshot = load_files(files, options)
    except SidecarError as error:
        raise error if isinstance(error, BundleError) else BundleError(f"bundle.yaml:1: {error}") from None
    progress()
    lane = lane_of_everything(snapshot.table, snapshot.bundle.manifest.families)
    failed = [str(test) for test in run_tests(snapshot.bundle, snapshot.engine, lane) if not test.passed]
    progress()
    missed = differential(snapshot, count=SHORT_DIFFERENTIAL)
    progress()
    if failed or missed:
        raise BundleError(*failed, *missed)
    return snapshot


def differential(snapshot: Snapshot, *, count: int, seed: int = 0) -> list[str]:
    """Compare a snapshot's scanner with the oracle on generated texts; return a sentence for each gate that is missed."""
    gates = snapshot.table.gates
    oracles: dict[int, ReScanner] = {}

    def matches(gate: int, text: str) -> bool:
        if gate not in oracles:
            oracles[gate] = ReScanner([gates[gate]])
        return bool(oracles[gate].scan(text))

    tally = compare(gates, snapshot.scanner, matches, count=count, seed=seed)
    return [
        f"bundle.yaml:1: the engine misses gate {gate} `{gates[gate].expression[:60]}` (case {case})"
        for gate, case in tally.missed
    ]


def build_apart(files: Mapping[str, bytes], policy: str, seconds: float) -> None:
    """Build a bundle in a process of its own, so that what it costs is bounded and what it compiles is cached.

    Raises:
        BundleError: names every fault, or says that it took too long.
    """
    with tempfile.TemporaryDirectory(prefix="portcullis-bundle-") as folder:
        for path, content in files.items():
            place = Path(folder, path)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        command = [*_python(), "-m", "sidecar", "rules", "compile", "--rules", folder, "--policy", policy, "--json"]
        _run(command, seconds)


def _run(command: Sequence[str], seconds: float) -> None:
    try:
        ran = subprocess.run(  # noqa: S603 - our own interpreter and module, no shell
            command, capture_output=True, timeout=seconds, check=False, env=_environment(), stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        raise BundleError(f"bundle.yaml:1: checking and compiling took more than {seconds:.0f} s") from None
    if ran.returncode == 0:
        return
    try:
        answer = json.loads(ran.stdout)
        raise BundleError(*answer["faults"])
    except (ValueError, KeyError, TypeError):
        last = ran.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise BundleError(f"bundle.yaml:1: the compiler ended with {ran.returncode}: {last[:300]}") from None


def _python() -> list[str]:
    """Return how to start Python; inside Envoy `sys.executable` is not it."""
    own = sys.executable or ""
    name = own if "python" in Path(own).name else shutil.which("python3.11") or shutil.which("python3") or "python3"
    return [name]


def _environment() -> dict[str, str]:
    """Return an environment in which Python starts by itself: what hosts it elsewhere stays out."""
    kept = {name: value for name, value in os.environ.items() if name not in ("LD_PRELOAD", "PYTHONHOME")}
    kept["PYTHONPATH"] = os.pathsep.join(filter(None, (str(Path(__file__).parents[2]), kept.get("PYTHONPATH"))))
    return kept
