"""The Ed25519 key of audit seals: made on first use, kept beside the log, readable by the owner only."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from sidecar.backends.audit_log import Signer
from sidecar.backends.signing import key_id
from sidecar.core.audit import Seal, sealed_bytes
from sidecar.errors import ConfigError


def load_signer(path: Path) -> Signer:
    """Read the signing key, or make one; its public half is written beside it as `NAME.pub`.

    Args:
        path: of the private key, PEM.

    Raises:
        ConfigError: the file is no Ed25519 key, or others may read it.
    """
    if not path.exists():
        _make(path)
    if path.stat().st_mode & 0o077:
        raise ConfigError(f"{path}: others may read this key; chmod 600 it, and use another key if they did")
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except ValueError:
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(f"{path}: not an Ed25519 private key in PEM")
    return Signer(key_id(key.public_key()), key.sign)


def load_checker(paths: tuple[Path, ...]) -> Callable[[Seal], bool]:
    """Return what checks seals against public keys.

    Args:
        paths: of public keys, PEM.

    Raises:
        ConfigError: a file is no Ed25519 public key.
    """
    keys: Mapping[str, Ed25519PublicKey] = {key_id(key): key for key in map(_public, paths)}

    def check(seal: Seal) -> bool:
        key = keys.get(seal.key)
        if key is None:
            return False
        try:
            key.verify(bytes.fromhex(seal.signature), sealed_bytes(seal.sequence, seal.head))
        except (InvalidSignature, ValueError):
            return False
        return True

    return check


def _public(path: Path) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError:
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise ConfigError(f"{path}: not an Ed25519 public key in PEM")
    return key


def _make(path: Path) -> None:
    """Make a key; of several workers that start at once, one makes it and the others find it whole."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = Ed25519PrivateKey.generate()
    handle, temporary = tempfile.mkstemp(prefix=".key-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        os.link(temporary, path)
    except FileExistsError:
        return
    finally:
        Path(temporary).unlink()
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    path.with_suffix(".pub").write_bytes(public)
