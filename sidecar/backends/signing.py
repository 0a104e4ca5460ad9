"""Ed25519 keys of bundles: made, read, signed and verified with; a key's id is the digest of its public half."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from sidecar.errors import ConfigError


class KeySigner:
    """Signs with one private key.

    Args:
        key: the private key.
    """

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.key_id = key_id(key.public_key())

    def sign(self, message: bytes) -> bytes:
        """Return the signature."""
        return self._key.sign(message)


class KeyRing:
    """Verifies by the public keys that are known here.

    Args:
        keys: the public keys.
    """

    def __init__(self, keys: Iterable[Ed25519PublicKey] = ()) -> None:
        self._keys = {key_id(key): key for key in keys}

    def knows(self, key_id: str) -> bool:
        """Tell whether there is a key with this id."""
        return key_id in self._keys

    def verify(self, key_id: str, message: bytes, signature: bytes) -> bool:
        """Tell whether the signature was made by that key over that message."""
        try:
            self._keys[key_id].verify(signature, message)
        except (InvalidSignature, KeyError):
            return False
        return True

    def __len__(self) -> int:
        """Return how many keys are known."""
        return len(self._keys)


def key_id(key: Ed25519PublicKey) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of the raw public key."""
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]


def new_key(path: Path) -> str:
    """Make a key pair: `path` holds the private half, for the owner only; `path.pub` the public one.

    Returns:
        The key's id.

    Raises:
        ConfigError: a file of that name exists, or the folder cannot be written.
    """
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(private)
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        Path(f"{path}.pub").write_bytes(public)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    return key_id(key.public_key())


def read_signer(path: Path) -> KeySigner:
    """Read a private key.

    Raises:
        ConfigError: there is none, or it is no Ed25519 key in PEM.
    """
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm):
        raise ConfigError(f"{path}: no readable private key in PEM") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(f"{path}: not an Ed25519 key")
    return KeySigner(key)


def read_ring(paths: Iterable[Path]) -> KeyRing:
    """Read public keys.

    Raises:
        ConfigError: a file is no Ed25519 public key in PEM.
    """
    keys = []
    for path in paths:
        try:
            key = load_pem_public_key(path.read_bytes())
        except (OSError, ValueError, UnsupportedAlgorithm):
            raise ConfigError(f"{path}: no readable public key in PEM") from None
        if not isinstance(key, Ed25519PublicKey):
            raise ConfigError(f"{path}: not an Ed25519 key")
        keys.append(key)
    return KeyRing(keys)
