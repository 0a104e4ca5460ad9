"""What a sidecar remembers of its rules over restarts: bundles, which one is in force, the version floor, what happened.

Several workers share one folder. Files are written beside their place and renamed; the floor is written first.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TypeVar

import msgspec

from sidecar.errors import BundleError
from sidecar.rules.archive import pack, unpack
from sidecar.rules.shipping import ENVELOPE, Envelope, Floor, read_envelope

T = TypeVar("T")
# What is in force, before it, held back or in the shadow is kept in any case; reloads every second must not fill a disk.
KEPT = 32
# No write takes this long.
_STALE_SECONDS = 3600.0


class Active(msgspec.Struct, frozen=True):
    """Which bundles run.

    Args:
        sequence: counts changes, so that workers see one.
        revision: the bundle in force; empty: the one that was configured.
        previous: the one before it; what a rollback returns to.
        shadow: the bundle that runs beside it; empty for none.
        held: the bundle that was rolled back from: a source that still shows it does not bring it back.
    """

    sequence: int = 0
    revision: str = ""
    previous: str = ""
    shadow: str = ""
    held: str = ""


class Store:
    """A folder of bundles; readable by its owner only.

    Args:
        folder: made where it does not exist.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._leading: IO[bytes] | None = None
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / "bundles").mkdir(mode=0o700, exist_ok=True)

    def put(self, revision: str, files: dict[str, bytes], envelope: Envelope | None) -> None:
        """Keep a bundle; what is there stays: published bundles do not change."""
        place = self._bundle(revision)
        if not place.exists():
            content = files if envelope is None else {**files, ENVELOPE: msgspec.json.encode(envelope)}
            self._write(place, pack(content))
            self._prune()

    def get(self, revision: str) -> tuple[dict[str, bytes], Envelope | None]:
        """Return a bundle that was kept.

        Raises:
            BundleError: there is none, or it was damaged.
        """
        try:
            files = unpack(self._bundle(revision).read_bytes(), f"{revision[:12]}.tar.gz")
        except OSError:
            raise BundleError(f"{revision[:12]}:1: no such bundle is kept here") from None
        return files, read_envelope(files.pop(ENVELOPE, None))

    def active(self) -> Active:
        """Return which bundles run."""
        return self._read("active.json", Active) or Active()

    def activate(self, active: Active, floor: Floor) -> None:
        """Write down the floor, and then which bundles run.

        A crash between the two leaves a floor that nothing in force has reached: the bundle has passed every check, so it
        may still come. The other way round leaves a floor below what is in force, and a replay may pass.
        """
        if floor != self.floor():
            self._write(self._folder / "floor.json", msgspec.json.encode(floor))
        self._write(self._folder / "active.json", msgspec.json.encode(active))

    def floor(self) -> Floor:
        """Return the newest version that was in force."""
        return self._read("floor.json", Floor) or Floor()

    def leads(self) -> bool:
        """Tell whether this process is the one that looks at the sources; if nobody is, it becomes the one until it ends."""
        if self._leading is None:
            file = (self._folder / "leader").open("ab")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
                return False
            self._leading = file
        return True

    def close(self) -> None:
        """Leave the sources to another process."""
        if self._leading is not None:
            self._leading.close()
            self._leading = None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other workers from changing the store."""
        with (self._folder / "lock").open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _bundle(self, revision: str) -> Path:
        if not revision.isalnum():
            raise BundleError("a revision is written in hexadecimal digits")
        return self._folder / "bundles" / f"{revision}.tar.gz"

    def _read(self, name: str, as_type: type[T]) -> T | None:
        try:
            return msgspec.json.decode((self._folder / name).read_bytes(), type=as_type)
        except FileNotFoundError:
            return None
        except msgspec.DecodeError as error:
            raise BundleError(f"{self._folder / name}:1: {error}") from None

    def _prune(self) -> None:
        """Drop the oldest bundles beyond what is kept, and what a process that was killed left half-written."""
        active = self.active()
        needed = {active.revision, active.previous, active.shadow, active.held}
        written: list[tuple[float, Path]] = []
        for path in (self._folder / "bundles").iterdir():
            with contextlib.suppress(FileNotFoundError):  # another worker prunes, too
                written.append((path.stat().st_mtime, path))
        written.sort(reverse=True)
        stale = time.time() - _STALE_SECONDS
        for index, (when, path) in enumerate(written):
            half = path.suffix == ".new"
            if (half and when < stale) or (not half and index >= KEPT and path.name.partition(".")[0] not in needed):
                path.unlink(missing_ok=True)

    @staticmethod
    def _write(path: Path, content: bytes) -> None:
        beside = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}.new")
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        # The name is on the disk when the folder is: without it a power cut may undo a step that was answered for.
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
