"""Files that only this installation can have written: what is in a cache is trusted code, and forged blobs give wrong verdicts."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
import stat
import tempfile
from pathlib import Path

from sidecar.errors import ConfigError

# A keyed seal precedes the blob: Hyperscan's own checksum covers only part of it.
_SEAL_BYTES = hashlib.sha256().digest_size
_KEY = "cache.key"
# Three databases for each bundle and policy, 9 MB in all where the bundle is the shipped one: what was not used for
# longest goes, so that reloads do not fill a disk (rspamd lost 500 MB in a week: mailcow issue 5232).
KEPT = 48


def cache_key(cache: Path) -> bytes:
    """Read this installation's cache key, or make one; the folder and the key are readable by the owner only.

    Raises:
        ConfigError: the key belongs to somebody else, who could write what we would trust.
    """
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = cache / _KEY
    for _ in range(3):  # another process may make or drop it at the same time
        with contextlib.suppress(FileNotFoundError):
            if (key := _read_key(path)) is not None:
                return key
            path.unlink()
        _make_key(path)
    raise ConfigError(f"{path}: cannot be made; somebody else changes it all the time")


def _read_key(path: Path) -> bytes | None:
    """Return the key; None where it is not whole."""
    with path.open("rb") as file:
        found = os.fstat(file.fileno())
        if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
            raise ConfigError(f"{path}: must belong to this user, with mode 600; remove it, or set SIDECAR_CACHE")
        key = file.read(_SEAL_BYTES + 1)
    return key if len(key) == _SEAL_BYTES else None


def _make_key(path: Path) -> None:
    """Write a key beside its place and link it there: nobody reads half a key, and the first one stays."""
    descriptor, name = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_SEAL_BYTES))
        with contextlib.suppress(FileExistsError):
            os.link(name, path)
    finally:
        Path(name).unlink()


def _seal(key: bytes, content: str, blob: bytes) -> bytes:
    return hmac.new(key, content.encode() + blob, hashlib.sha256).digest()


def read_sealed(path: Path, key: bytes, content: str) -> bytes | None:
    """Return what was written, if its seal is ours for `content`; else None, and the file is gone."""
    try:
        sealed = path.read_bytes()
    except FileNotFoundError:
        return None
    seal, blob = sealed[:_SEAL_BYTES], sealed[_SEAL_BYTES:]
    if not hmac.compare_digest(seal, _seal(key, content, blob)):
        path.unlink(missing_ok=True)
        return None
    with contextlib.suppress(OSError):  # a cache that may only be read serves, too
        os.utime(path)  # what is used is kept
    return blob


def write_sealed(path: Path, key: bytes, content: str, blob: bytes) -> None:
    """Write a blob with its seal, all or nothing."""
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(_seal(key, content, blob) + blob)
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).replace(path)
    _prune(path)


def _prune(newest: Path) -> None:
    """Drop what was not used for longest of this kind of file."""
    used: list[tuple[float, Path]] = []
    for path in newest.parent.glob(f"*{newest.suffix}"):
        with contextlib.suppress(FileNotFoundError):
            used.append((path.stat().st_mtime, path))
    for _, path in sorted(used)[:-KEPT]:
        if path != newest:
            path.unlink(missing_ok=True)
