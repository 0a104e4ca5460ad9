"""Authenticated encryption for operators and pseudonyms (AES-SIV, RFC 5297): deterministic, and bound to its scope."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_KEY_SIZES = (16, 24, 32)
# Marks what was written by `encrypt`, so that nothing else is tried; the digit is the format's version.
_PREFIX = "enc1_"


class AesSivSealer:
    """Seals values; the same value gives the same seal, which opens in the same scope only.

    Args:
        key: at least 16 bytes of secret.

    Raises:
        ValueError: the key is shorter.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) < min(_KEY_SIZES):
            raise ValueError("a sealing key has at least 16 bytes")
        self._cipher = AESSIV(_derived(key, b"portcullis pseudonym seal v1", 64))

    def seal(self, value: bytes, scope: Sequence[bytes]) -> bytes:
        """Seal a value for a scope."""
        # The cipher refuses the empty text; a final byte keeps every value apart from it.
        return self._cipher.encrypt(value + b"\x01", [*scope, b"v1"])

    def unseal(self, sealed: bytes, scope: Sequence[bytes]) -> bytes | None:
        """Open a seal; None where it was not made with this key for this scope."""
        try:
            return self._cipher.decrypt(sealed, [*scope, b"v1"])[:-1]
        except (InvalidTag, ValueError):
            return None


class TextCipher:
    """The cipher of the operators `encrypt` and `decrypt`.

    Presidio's own is AES-CBC without authentication, open to padding oracles; this one takes the same keys.

    Args:
        key: 16, 24 or 32 bytes.

    Raises:
        ValueError: the key has another length.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) not in _KEY_SIZES:
            raise ValueError(f"operator `encrypt`: `key` has {len(key)} bytes; give 16, 24 or 32")
        self._cipher = AESSIV(_derived(key, b"portcullis encrypt operator v1", 64))

    def encrypt(self, text: str, entity: str) -> str:
        """Return the ciphertext, URL-safe."""
        sealed = self._cipher.encrypt(text.encode() + b"\x01", [entity.encode()])
        return _PREFIX + base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def decrypt(self, text: str, entity: str) -> str | None:
        """Return the plain text; None where it was not written with this key for this entity."""
        if not text.startswith(_PREFIX):
            return None
        coded = text[len(_PREFIX) :]
        try:
            sealed = base64.urlsafe_b64decode(coded + "=" * (-len(coded) % 4))
            return self._cipher.decrypt(sealed, [entity.encode()])[:-1].decode()
        except (InvalidTag, ValueError, binascii.Error):
            return None


def hash_key(key: bytes) -> bytes:
    """Return the key of keyed hashes, independent of the sealing key."""
    return hashlib.blake2b(key, digest_size=32, person=b"portcullis-code").digest()


def _derived(key: bytes, purpose: bytes, length: int) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=None, info=purpose).derive(key)
