"""The fast scanner: all gates in one Hyperscan database, built once, authenticated when it comes from a cache."""

from __future__ import annotations

import fcntl
import hashlib
import threading
from collections.abc import Sequence
from pathlib import Path

import hyperscan
import msgspec

from sidecar.backends.sealed_cache import cache_key, read_sealed, write_sealed
from sidecar.core.scan import Gate
from sidecar.errors import ScannerError


class HyperscanScanner:
    """A `Scanner` over one compiled database; safe to share between threads.

    Args:
        gates: the expressions.
        cache: a private folder for compiled databases; None compiles every time.
        ids: what to report for each gate; its index if left out.

    Raises:
        ScannerError: an expression does not compile, or the engine fails its probe.
    """

    def __init__(self, gates: Sequence[Gate], cache: Path | None = None, ids: Sequence[int] | None = None) -> None:
        require_trustworthy_engine()
        self._database = _load_or_compile(gates, cache, range(len(gates)) if ids is None else ids)
        self._local = threading.local()

    def scan(self, text: str) -> list[int]:
        """Return the ids of the gates that fire in `text`."""
        fired: list[int] = []
        self.collect(encode(text), fired)
        return fired

    def collect(self, data: bytes, fired: list[int]) -> None:
        """Append the ids of the gates that fire in a text given as valid UTF-8; others give undefined answers."""
        local = self._local
        try:
            scratch = local.scratch
        except AttributeError:
            scratch = local.scratch = hyperscan.Scratch(self._database)
        try:
            self._database.scan(data, _on_match, context=fired, scratch=scratch)
        except hyperscan.HyperscanError as error:
            raise ScannerError(f"the scan failed: {type(error).__name__}") from None


def _on_match(index: int, _start: int, _end: int, _flags: int, fired: list[int]) -> None:
    fired.append(index)


def encode(text: str) -> bytes:
    """Return a text as UTF-8.

    Raises:
        ScannerError: it holds a lone surrogate, which is no text.
    """
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise ScannerError("the scan failed: a lone surrogate is no text") from None


def engine_version() -> str:
    """Return the version and features of the Hyperscan library inside the wheel, for reports and cache keys."""
    probe = hyperscan.Database()
    probe.compile(expressions=[b"probe"], ids=[0], elements=1, flags=[0])
    return f"{hyperscan.__version__} {probe.info().decode()}"


def require_trustworthy_engine() -> None:
    """Refuse an engine that misses matches, as Vectorscan 5.4.12 does (vectorscan issue 382).

    Raises:
        ScannerError: the probe found a miss; says which release to install.
    """
    database = hyperscan.Database()
    database.compile(expressions=[rb"curl.*\|\s*python"], ids=[0], elements=1, flags=[hyperscan.HS_FLAG_DOTALL])
    scratch = hyperscan.Scratch(database)
    missed = 0
    for gap in range(1, 300):
        hits: list[int] = []
        database.scan(b"curl" + b"x" * gap + b"| python", lambda index, *_: hits.append(index), scratch=scratch)  # noqa: B023 - called within this turn
        missed += not hits
    if missed:
        raise ScannerError(
            f"the Hyperscan engine {hyperscan.__version__} misses {missed} of 299 probes; install hyperscan==0.6.0"
        )


def _load_or_compile(gates: Sequence[Gate], cache: Path | None, ids: Sequence[int]) -> hyperscan.Database:
    if cache is None:
        return _compile(gates, ids)
    key = cache_key(cache)
    content = hashlib.sha256(engine_version().encode() + msgspec.json.encode([gates, list(ids)])).hexdigest()
    path = cache / f"{content}.hsdb"
    database = _load(path, key, content)
    if database is not None:
        return database
    # Compiling takes seconds: of all workers that start together one does it, and the others wait for its result.
    with (cache / "compile.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        database = _load(path, key, content)
        if database is None:
            database = _compile(gates, ids)
            write_sealed(path, key, content, hyperscan.dumpb(database))
    return database


def _load(path: Path, key: bytes, content: str) -> hyperscan.Database | None:
    blob = read_sealed(path, key, content)
    if blob is None:
        return None
    try:
        return _deserialise(blob)
    except hyperscan.HyperscanError:
        path.unlink(missing_ok=True)
        return None


def _deserialise(blob: bytes) -> hyperscan.Database:
    database = hyperscan.loadb(blob, hyperscan.HS_MODE_BLOCK)
    database.scratch = hyperscan.Scratch(database)
    return database


def _compile(gates: Sequence[Gate], ids: Sequence[int]) -> hyperscan.Database:
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    try:
        database.compile(
            expressions=[_expression(gate) for gate in gates],
            ids=list(ids),
            elements=len(gates),
            flags=[_flags(gate) for gate in gates],
        )
    except hyperscan.HyperscanError as error:
        raise ScannerError(f"the rules do not compile: {_first_fault(gates) or error}") from None
    return database


def _first_fault(gates: Sequence[Gate]) -> str | None:
    for index, gate in enumerate(gates):
        single = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        try:
            single.compile(expressions=[_expression(gate)], ids=[0], elements=1, flags=[_flags(gate)])
        except hyperscan.HyperscanError as error:
            return f"gate {index} `{gate.expression}`: {error}"
    return None


def _expression(gate: Gate) -> bytes:
    if not gate.literal:
        return gate.expression.replace("\0", r"\x00").encode()
    # Every ASCII sign as \xHH: no NUL truncates the pattern, no metacharacter is left. Letters beyond ASCII stay
    # letters where case is a matter of Unicode, and are plain bytes where it is not.
    return b"".join(
        bytes([byte]) if (chr(byte).isalnum() and byte < 0x80) or (gate.unicode and byte >= 0x80) else b"\\x%02x" % byte
        for byte in gate.expression.encode()
    )


def _flags(gate: Gate) -> int:
    flags: int = hyperscan.HS_FLAG_SINGLEMATCH
    if gate.caseless:
        flags |= hyperscan.HS_FLAG_CASELESS
    if gate.unicode:
        flags |= hyperscan.HS_FLAG_UTF8 | hyperscan.HS_FLAG_UCP
    if gate.literal:
        return flags
    if not gate.bytewise:
        flags |= hyperscan.HS_FLAG_UTF8
    if gate.prefilter:
        flags |= hyperscan.HS_FLAG_PREFILTER
    if gate.dotall:
        flags |= hyperscan.HS_FLAG_DOTALL
    if gate.multiline:
        flags |= hyperscan.HS_FLAG_MULTILINE
    return flags
