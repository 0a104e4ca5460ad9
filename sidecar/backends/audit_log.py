"""The audit log on disk: a bounded queue, one writing thread, rotation, seals, and a policy for a full disk."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import Literal

import msgspec

from sidecar.core.audit import Chain, Change, Entry, Line, Seal
from sidecar.core.audit_encoding import EntryEncoder, Passed
from sidecar.errors import ConfigError, EngineError

# Records that wait for the disk; at 10,000 decisions a second this is six seconds of a stalled disk.
QUEUE_LIMIT = 65_536
# Records written in one go; as many wake the writer before its pause is over.
_BATCH = 512
_PAUSE_SECONDS = 0.05
# What is summed up is written so often.
_TALLY_SECONDS = 10.0
# A log that is being closed tries for so long to write to a disk that refuses.
_LAST_SECONDS = 5.0

Queued = Passed | Entry


class AuditUnavailable(EngineError):
    """The audit log cannot take more, and the policy says that nothing passes unaudited."""

    http_status = 503
    code = "audit_unavailable"


class AuditSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the log is kept.

    Args:
        folder: where; readable by the owner only.
        name: begins the names of the files; one for each worker.
        when_full: `block`: nothing passes unaudited; `drop`: records are dropped and counted.
        fsync: `always` after every batch, at an `interval`, or `never`.
        interval: seconds between seals, and between syncs where `fsync` is `interval`.
        rotate_bytes: size from which a new file is begun.
    """

    folder: Path
    name: str = "audit"
    when_full: Literal["block", "drop"] = "block"
    fsync: Literal["always", "interval", "never"] = "interval"
    interval: float = 1.0
    rotate_bytes: int = 256 * 2**20


class Signer(msgspec.Struct, frozen=True):
    """A key for seals: its id, and what signs with it."""

    key: str
    sign: Callable[[bytes], bytes]


class AuditLog:
    """An append-only log; `write` never waits for the disk.

    Args:
        settings: how it is kept.
        signer: signs the seals.

    Raises:
        ConfigError: the folder cannot be used, or the log that is there does not go on from its seal.
    """

    def __init__(self, settings: AuditSettings, signer: Signer) -> None:
        self._settings = settings
        self._signer = signer
        # Appending is atomic and wakes nobody: a queue that notifies costs more than the record.
        self._waiting: deque[Queued] = deque()
        self._wake = threading.Event()
        self._tallies: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._tallying = threading.Lock()
        self._failed = threading.Event()
        self._is_closed = False
        self.dropped = 0
        self.written = 0
        self._unsealed = 0
        self._encoder = EntryEncoder()
        try:
            settings.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._number, self._chain = _resume(settings)
            self._file = self._open()
        except OSError as error:
            raise ConfigError(f"audit: cannot use {settings.folder}: {error.strerror}") from None
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()

    @property
    def is_healthy(self) -> bool:
        """Whether the last write succeeded."""
        return not self._failed.is_set()

    @property
    def waiting(self) -> int:
        """How many entries wait for the disk."""
        return len(self._waiting)

    def write(self, record: Queued) -> None:
        """Take a record; it is on its way to the disk within 50 milliseconds.

        Raises:
            AuditUnavailable: the log cannot take it, and the policy is `block`; or it is closed.
        """
        if self._is_closed:
            raise AuditUnavailable("the audit log is closed")
        if self._failed.is_set() and self._settings.when_full == "block":
            raise AuditUnavailable("the audit log cannot be written")
        length = len(self._waiting)
        if length >= QUEUE_LIMIT:
            if self._settings.when_full == "block":
                raise AuditUnavailable("the audit log does not keep up")
            self.dropped += 1
            return
        self._waiting.append(record)
        if length == _BATCH:
            self._wake.set()

    def tally(self, event: str, counts: Mapping[str, float]) -> None:
        """Add to what one entry in ten seconds sums up: a flood must not fill the disk.

        Args:
            event: `turned_away` or `usage`.
            counts: by reason; by application and kind.
        """
        with self._tallying:
            self._tallies[event].update(counts)  # Counter adds up money, too

    def note(self, event: str, **detail: str) -> None:
        """Take a change of the filter itself; there is always room, as changes are rare and must not be lost."""
        self._waiting.append(Change(now(), event, detail))

    def close(self) -> None:
        """Write what waits, seal, and close; what comes afterwards is refused.

        A disk that does not come back within a few seconds keeps nobody from ending; what is lost is counted.
        """
        self._is_closed = True
        self._wake.set()
        self._thread.join()
        self._file.close()

    def _run(self) -> None:
        told = 0
        sealed = tallied = time.monotonic()
        while True:
            batch, is_last = self._take()
            if self.dropped > told:
                batch.append(Change(now(), "dropped", {"records": str(self.dropped - told)}))
                told = self.dropped
            if is_last or time.monotonic() - tallied >= _TALLY_SECONDS:
                batch += self._summed_up()
                tallied = time.monotonic()
            due = time.monotonic() - sealed >= self._settings.interval and bool(batch or self._unsealed)
            if batch or due:
                self._write_until_done(batch, seal=due or is_last)
                sealed = time.monotonic() if due else sealed
            if is_last:
                return

    def _summed_up(self) -> list[Change]:
        with self._tallying:
            tallies, self._tallies = self._tallies, defaultdict(Counter)
        return [
            Change(now(), event, {name: f"{amount:.10g}" for name, amount in sorted(counts.items())})
            for event, counts in sorted(tallies.items())
        ]

    def _take(self) -> tuple[list[Queued], bool]:
        """Wait for entries, not for long; the second value says that nothing comes after them."""
        if len(self._waiting) < _BATCH and not self._is_closed:
            self._wake.wait(min(_PAUSE_SECONDS, self._settings.interval))
        self._wake.clear()
        is_closed, waiting = self._is_closed, self._waiting
        batch = [waiting.popleft() for _ in range(min(len(waiting), _BATCH))]
        # Another thread may have been between its look and its entry when the log was closed.
        return batch, is_closed and not waiting

    def _write_until_done(self, batch: list[Queued], *, seal: bool) -> None:
        """Write a batch; while the disk refuses, try again, and let `write` meet the policy."""
        patience = int(_LAST_SECONDS / self._settings.interval)
        start = (self._chain.sequence, self._chain.head)
        place = self._file.tell()
        while True:
            try:
                if self._failed.is_set():
                    self._reopen(place)
                self._write_batch(batch, seal=seal)
            except OSError:
                self._failed.set()
                self._chain = Chain(*start)
                patience -= self._is_closed
                if patience < 0:
                    self.dropped += len(batch)
                    return
                time.sleep(self._settings.interval)
            else:
                self._failed.clear()
                return

    def _write_batch(self, batch: list[Queued], *, seal: bool) -> None:
        append, encode = self._chain.append_encoded, self._encoder.encode
        self._write_all(b"".join([append(encode(entry)) for entry in batch]))
        self._unsealed += len(batch)
        seal = seal and bool(self._unsealed)
        if seal:
            mark = self._chain.seal(now(), self._signer.key, self._signer.sign)
            self._write_all(self._chain.append(mark))
        if self._settings.fsync == "always" or (seal and self._settings.fsync == "interval"):
            os.fsync(self._file.fileno())
        if seal:
            self._write_head()
            self._unsealed = 0
        self.written += len(batch)
        if self._file.tell() >= self._settings.rotate_bytes:
            self._number += 1
            self._file.close()
            self._file = self._open()

    def _write_all(self, data: bytes) -> None:
        if self._file.write(data) != len(data):
            raise OSError(errno.ENOSPC, "half a batch was written")

    def _reopen(self, place: int) -> None:
        """Take back half a batch, so that no torn line stays."""
        self._file.close()
        self._file = self._open()
        self._file.truncate(place)
        self._file.seek(place)

    def _write_head(self) -> None:
        """Write the seal beside the log: last, so that it never covers what is not there."""
        mark = self._chain.seal(now(), self._signer.key, self._signer.sign)
        path = _head_path(self._settings)
        temporary = path.with_suffix(".tmp")
        temporary.write_bytes(msgspec.json.encode(mark))
        temporary.replace(path)

    def _open(self) -> FileIO:
        descriptor = os.open(_path(self._settings, self._number), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        return os.fdopen(descriptor, "ab", buffering=0)


def now() -> str:
    """Return the time in UTC, ISO 8601, microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def log_files(folder: Path, name: str) -> list[Path]:
    """Return the files of a log, oldest first."""
    return sorted(folder.glob(f"{name}-[0-9]*.jsonl"))


def read_head(folder: Path, name: str) -> Seal | None:
    """Return the seal that stands beside a log; None where there is none."""
    try:
        return msgspec.json.decode((folder / f"{name}.head").read_bytes(), type=Seal)
    except FileNotFoundError:
        return None


def _path(settings: AuditSettings, number: int) -> Path:
    return settings.folder / f"{settings.name}-{number:06d}.jsonl"


def _head_path(settings: AuditSettings) -> Path:
    return settings.folder / f"{settings.name}.head"


def _resume(settings: AuditSettings) -> tuple[int, Chain]:
    """Find where the log goes on; a torn last line, left by a crash, is cut off."""
    files = log_files(settings.folder, settings.name)
    for path in reversed(files):
        data = path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) != len(data):
            os.truncate(path, len(whole))
        if whole:
            last = whole.rstrip(b"\n").rpartition(b"\n")[2]
            try:
                line = msgspec.json.decode(last, type=Line)
            except msgspec.DecodeError:
                raise ConfigError(f"audit: the last line of {path} is no record; move the log away first") from None
            return int(path.stem.rpartition("-")[2]), Chain(line.sequence, line.hash)
    return 1, Chain()
