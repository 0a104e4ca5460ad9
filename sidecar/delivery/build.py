"""The gates that a bundle passes before it may be put in force; READ `prepare` FIRST."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

import msgspec

from sidecar import __version__, config
from sidecar.app import Admission, Snapshot, load_files
from sidecar.backends.hyperscan_scanner import engine_version
from sidecar.backends.sealed_cache import cache_key, read_sealed, write_sealed
from sidecar.delivery.gently import gently
from sidecar.errors import BundleError, SidecarError
from sidecar.rules.bundle import revision
from sidecar.rules.differential import compare
from sidecar.rules.lint import lint
from sidecar.rules.selftest import lane_of_everything, run_tests
from sidecar.rules.shipping import Envelope, Floor, Trust, Verifier, faults
from sidecar.settings import Options

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


class Gates(msgspec.Struct, frozen=True):
    """What a bundle passes through.

    Args:
        policy: name or file of the policy.
        build: checks and compiles; `build_once` where it must not cost this process anything.
        load: makes a snapshot of files.
    """

    policy: str
    build: Builder
    load: Load


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


def prepare(
    offer: Offer, terms: Terms, gates: Gates, *, floor: Floor | None, now: float | None, observed: bool
) -> Snapshot:
    """Verify, lint, self-test, compile, load: the one way to a snapshot that may be put in force.

    Signatures and versions are looked at first, so that nothing of a stranger's bundle is ever run. House rules, the
    bundle's own tests, compiling and the differential run in a process of their own, which is ended when it takes too
    long and leaves the compiled database in the cache. What this process then loaded is tried once more.

    Args:
        offer: the bundle.
        terms: what it must meet.
        gates: what checks, compiles and loads it.
        floor: the newest version that was in force; None where another worker has compared it.
        now: seconds since 1970; None where it was in force before it expired, and filtering goes on.
        observed: whether decisions of the snapshot are counted and recorded.

    Raises:
        BundleError: names every fault.
    """
    # What ships with the program is trusted as the program is, and is the same everywhere.
    trust, envelope = (Trust(), None) if is_own(offer.files) else (terms.trust, offer.envelope)
    found = faults(offer.files, envelope, trust, terms.verifier, now=now, floor=floor, rollback=offer.rollback)
    if found:
        raise BundleError(*dict.fromkeys(found))
    gates.build(offer.files, gates.policy, terms.seconds)
    with gently():
        snapshot = gates.load(offer.files, observed)
        begin = time.perf_counter()
        require_sound(snapshot)
    expires = offer.envelope.contents.expires if offer.envelope is not None else None
    snapshot.admission = Admission(time.perf_counter() - begin, expires or 0.0)
    return snapshot


def is_own(files: Mapping[str, bytes]) -> bool:
    """Tell whether a bundle is the one that ships."""
    return revision(files) == _own_revision()


@cache
def _own_revision() -> str:
    return revision(config.read_folder(config.shipped_rules()))


def require_sound(snapshot: Snapshot) -> None:
    """Try what was loaded with the first sample of each kind of every rule; says so if a rule is blind or cries wolf.

    The database comes from a cache and runs on this machine's engine: what passed elsewhere is tried here.

    Raises:
        BundleError: names every sample that failed.
    """
    lane = lane_of_everything(snapshot.table, snapshot.bundle.manifest.families)
    failed = [str(test) for test in run_tests(snapshot.bundle, snapshot.engine, lane, each=1) if not test.passed]
    if failed:
        raise BundleError(*failed)


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
    # Imported here: only the process that builds a bundle compares.
    from sidecar.backends.re_scanner import ReScanner  # noqa: PLC0415 - see above

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


def build_once(files: Mapping[str, bytes], policy: str, seconds: float) -> None:
    """Build a bundle apart, unless just this was done before on this machine: the same files, policy, engine and program.

    That it was done is written down under the cache's key, so that nobody else can say so. Of several workers that want the
    same bundle at once, one builds and the others wait.

    Raises:
        BundleError: names every fault, or says that it took too long.
    """
    folder = config.cache_folder()
    key = cache_key(folder)
    what = "\0".join((revision(files), __version__, engine_version()))
    content = hashlib.sha256(what.encode() + config.find_policy(policy)[0]).hexdigest()
    mark = folder / f"{content}.passed"
    with (folder / "gates.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if read_sealed(mark, key, content) is None:
            build_apart(files, policy, seconds)
            write_sealed(mark, key, content, b"")


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
