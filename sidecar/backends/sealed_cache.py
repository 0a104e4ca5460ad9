"""Files that only this installation can have written: what is in a cache is trusted code, and forged blobs give wrong verdicts."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import tempfile
from pathlib import Path

# A keyed seal precedes the blob: Hyperscan's own checksum covers only part of it.
_SEAL_BYTES = hashlib.sha256().digest_size


def cache_key(cache: Path) -> bytes:
    """Read this installation's cache key, or make one; the folder and the key are readable by the owner only."""
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = cache / "cache.key"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        key = path.read_bytes()
        if len(key) == _SEAL_BYTES:
            return key
        path.unlink()
        return cache_key(cache)
    with os.fdopen(descriptor, "wb") as file:
        key = secrets.token_bytes(_SEAL_BYTES)
        file.write(key)
    return key


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
    return blob


def write_sealed(path: Path, key: bytes, content: str, blob: bytes) -> None:
    """Write a blob with its seal, all or nothing."""
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(_seal(key, content, blob) + blob)
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).replace(path)
