"""What a sidecar remembers of its rules over restarts: bundles, which one is in force, the version floor, what happened.

Several workers share one folder. Files are written beside their place and renamed; the floor is written last.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from sidecar.errors import BundleError
from sidecar.rules.archive import pack, unpack
from sidecar.rules.shipping import ENVELOPE, Envelope, Floor, read_envelope

T = TypeVar("T")


class Active(msgspec.Struct, frozen=True):
    """Which bundles run.

    Args:
        sequence: counts changes, so that workers see one.
        revision: the bundle in force; empty: the one that was configured.
        previous: the one before it; what a rollback returns to.
        shadow: the bundle that runs beside it; empty for none.
    """

    sequence: int = 0
    revision: str = ""
    previous: str = ""
    shadow: str = ""


class Store:
    """A folder of bundles; readable by its owner only.

    Args:
        folder: made where it does not exist.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / "bundles").mkdir(mode=0o700, exist_ok=True)

    def put(self, revision: str, files: dict[str, bytes], envelope: Envelope | None) -> None:
        """Keep a bundle; what is there stays: published bundles do not change."""
        place = self._bundle(revision)
        if not place.exists():
            content = files if envelope is None else {**files, ENVELOPE: msgspec.json.encode(envelope)}
            self._write(place, pack(content))

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
        """Write down which bundles run, and then the floor."""
        self._write(self._folder / "active.json", msgspec.json.encode(active))
        self._write(self._folder / "floor.json", msgspec.json.encode(floor))

    def floor(self) -> Floor:
        """Return the newest version that was in force."""
        return self._read("floor.json", Floor) or Floor()

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

    @staticmethod
    def _write(path: Path, content: bytes) -> None:
        beside = path.with_name(f"{path.name}.{os.getpid()}.new")
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
