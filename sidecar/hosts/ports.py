"""Holding an address: a second supervisor, or a stranger, on the same port is refused at the start.

`SO_REUSEPORT` lets any process of the same user join a port silently; an orphan with old rules took 50 of 50 requests
that way (facts.md). So one supervisor holds a lock file per address, and probes the port without `SO_REUSEPORT`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
import stat
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from sidecar.errors import ConfigError
from sidecar.hosts.listen import Address, TcpAddress, UnixAddress

# Marks a private folder as somebody's, by a lock.
_ALIVE = ".alive"


class Reservation:
    """The addresses of one supervisor, held until `release` or the end of the process.

    Args:
        addresses: what to hold; a TCP port 0 becomes one that is free.

    Raises:
        ConfigError: somebody else has one of them.
    """

    def __init__(self, addresses: Iterable[Address]) -> None:
        self._held: list[IO[str] | socket.socket] = []
        self._sockets: list[Path] = []
        try:
            self.addresses = tuple([self._hold(address) for address in addresses])
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Let go of every address; the files of Unix sockets go with it, so that clients fail at once."""
        for path in self._sockets:
            path.unlink(missing_ok=True)
        self._sockets.clear()
        for held in self._held:
            held.close()
        self._held.clear()

    def _hold(self, address: Address) -> Address:
        if isinstance(address, UnixAddress):
            self._lock(address.path.with_name(address.path.name + ".lock"), address)
            _remove_stale(address)
            self._sockets.append(address.path)
            return address
        if address.port:
            self._lock(runtime_folder() / f"port-{address.port}.lock", address)
            _bind(address, is_shared=False).close()
        # Bound and never listening: it keeps the port for our workers and takes no connection.
        keeper = _bind(address, is_shared=True)
        self._held.append(keeper)
        chosen = TcpAddress(address.host, keeper.getsockname()[1])
        if not address.port:
            self._lock(runtime_folder() / f"port-{chosen.port}.lock", chosen)
        return chosen

    def _lock(self, path: Path, address: Address) -> None:
        try:
            file = path.open("w")
        except OSError as error:
            raise ConfigError(f"listen: cannot write {path}: {error.strerror}") from error
        self._held.append(file)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ConfigError(
                f"listen: {address} is taken by another sidecar; stop it, or use another address"
            ) from error


def runtime_folder() -> Path:
    """Return the private folder of locks and sockets of this user, made if it is missing.

    Raises:
        ConfigError: the folder belongs to somebody else or others may write to it.
    """
    base = os.environ.get("XDG_RUNTIME_DIR")
    folder = Path(base, "portcullis") if base else Path(tempfile.gettempdir(), f"portcullis-{os.getuid()}")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise ConfigError(f"{folder}: must be a folder that only this user may write to")
    return folder


@contextlib.contextmanager
def private_folder(prefix: str) -> Iterator[Path]:
    """Make a folder that lives as long as the block; those of processes that were killed are removed first.

    Args:
        prefix: begins its name.
    """
    base = runtime_folder()
    for left in base.glob(f"{prefix}-*/{_ALIVE}"):
        with contextlib.suppress(OSError), left.open("rb") as mark:
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)  # held as long as its owner lives
            shutil.rmtree(left.parent, ignore_errors=True)
    with (
        tempfile.TemporaryDirectory(prefix=f"{prefix}-", dir=base, ignore_cleanup_errors=True) as folder,
        Path(folder, _ALIVE).open("wb") as mark,
    ):
        fcntl.flock(mark, fcntl.LOCK_EX)
        yield Path(folder)


def _bind(address: TcpAddress, *, is_shared: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    probe = socket.socket(family, socket.SOCK_STREAM)
    try:
        # Without it a port that had connections a minute ago would look taken; a listener is still refused.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_shared:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        probe.bind((address.host, address.port))
    except OSError as error:
        probe.close()
        raise ConfigError(f"listen: cannot use {address}: {error.strerror}") from error
    return probe


def _remove_stale(address: UnixAddress) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(address.path))
        except FileNotFoundError:
            return
        except ConnectionRefusedError:
            address.path.unlink(missing_ok=True)
            return
        except OSError as error:
            raise ConfigError(f"listen: cannot use {address}: {error.strerror}") from error
    raise ConfigError(f"listen: cannot use {address}: somebody is listening there")
