"""Blocked messages for those who may read them: sealed to a public key before they touch the disk; off unless asked for.

X25519 (RFC 7748) with a key of its own for each message, HKDF-SHA-256 (RFC 5869), ChaCha20-Poly1305 (RFC 8439). What stands
beside a message in the open is what the audit log says of it, and is authenticated with it. This process cannot read what
it has written: the private key is somewhere else.
"""

from __future__ import annotations

import os
import threading
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from sidecar.errors import ConfigError

# What is longer is not kept; the head of a message alone would be taken for the whole.
MESSAGE_LIMIT = 1 << 20
# A folder of one worker; beyond it nothing more is kept until somebody has looked.
FOLDER_LIMIT = 256 << 20
_INFO = b"portcullis quarantine 1"
# Each message has a key of its own, so that one nonce does for all.
_NONCE = bytes(12)


class About(msgspec.Struct, frozen=True):
    """What stands in the open beside a message.

    Args:
        id: of the decision, as in the audit log.
        time: UTC, ISO 8601.
        application: who sent it.
        route: for what.
        direction: `request` or `response`.
        format: of the message.
        rules: that blocked it.
    """

    id: str
    time: str
    application: str
    route: str
    direction: str
    format: str
    rules: tuple[str, ...]


class Sealed(msgspec.Struct, frozen=True):
    """A line of the quarantine."""

    about: About
    ephemeral: str
    text: str


class Quarantine:
    """Keeps blocked messages, sealed.

    Args:
        folder: where; readable by the owner only.
        key: file of the public key, PEM.
        name: begins the file's name; one for each worker.

    Raises:
        ConfigError: the folder or the key cannot be used.
    """

    def __init__(self, folder: Path, key: Path, name: str = "quarantine") -> None:
        self._public = _load_public(key)
        self._lock = threading.Lock()
        self.dropped = 0
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path = folder / f"{name}.sealed.jsonl"
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            self._size = os.fstat(self._file).st_size
        except OSError as error:
            raise ConfigError(f"quarantine: cannot use {folder}: {error.strerror}") from None

    def keep(self, about: About, content: bytes) -> bool:
        """Keep a message; false, and counted, where it is too long, or the disk or the folder is full."""
        line = seal(self._public, about, content) if len(content) <= MESSAGE_LIMIT else b""
        with self._lock:
            if not line or self._size + len(line) > FOLDER_LIMIT or not self._append(line):
                self.dropped += 1
                return False
            self._size += len(line)
        return True

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _append(self, line: bytes) -> bool:
        """Write a whole line, or take back what was written of it."""
        try:
            written = os.write(self._file, line)
            if written != len(line):
                os.ftruncate(self._file, self._size)
        except OSError:
            return False
        return written == len(line)


def seal(public: X25519PublicKey, about: About, content: bytes) -> bytes:
    """Return a message as a line that only the private key opens."""
    ephemeral = X25519PrivateKey.generate()
    own = ephemeral.public_key().public_bytes_raw()
    cipher = ChaCha20Poly1305(_derive(ephemeral.exchange(public), own, public.public_bytes_raw()))
    text = cipher.encrypt(_NONCE, content, msgspec.json.encode(about))
    return msgspec.json.encode(Sealed(about, b64encode(own).decode(), b64encode(text).decode())) + b"\n"


def unseal(private: X25519PrivateKey, line: bytes) -> tuple[About, bytes] | None:
    """Open a line; None where it is not for this key, or was changed."""
    try:
        sealed = msgspec.json.decode(line, type=Sealed)
        own = b64decode(sealed.ephemeral)
        shared = private.exchange(X25519PublicKey.from_public_bytes(own))
        cipher = ChaCha20Poly1305(_derive(shared, own, private.public_key().public_bytes_raw()))
        return sealed.about, cipher.decrypt(_NONCE, b64decode(sealed.text), msgspec.json.encode(sealed.about))
    except (msgspec.DecodeError, InvalidTag, ValueError):
        return None


def read(folder: Path, key: Path) -> Iterator[tuple[About, bytes] | None]:
    """Open every message of a folder, in the order of its files.

    Raises:
        ConfigError: the key cannot be used.
    """
    private = _load_private(key)
    for path in sorted(folder.glob("*.sealed.jsonl")):
        with path.open("rb") as lines:
            for line in lines:
                yield unseal(private, line)


def new_keys(path: Path) -> Path:
    """Make a key pair: the private key, and its public half beside it as `NAME.pub`, which is returned.

    Raises:
        ConfigError: there is a file already.
    """
    private = X25519PrivateKey.generate()
    public = path.with_suffix(".pub")
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be made: {error.strerror}") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return public


def _derive(shared: bytes, ephemeral: bytes, public: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt=ephemeral + public, info=_INFO).derive(shared)


def _load_public(path: Path) -> X25519PublicKey:
    key = _load(path, load_pem_public_key)
    if not isinstance(key, X25519PublicKey):
        raise ConfigError(f"{path}: not an X25519 public key in PEM (`sidecar audit keygen` makes a pair)")
    return key


def _load_private(path: Path) -> X25519PrivateKey:
    key = _load(path, lambda data: load_pem_private_key(data, password=None))
    if not isinstance(key, X25519PrivateKey):
        raise ConfigError(f"{path}: not an X25519 private key in PEM")
    return key


def _load(path: Path, parse: Callable[[bytes], object]) -> object:
    try:
        return parse(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError:
        return None
