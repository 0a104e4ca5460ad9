"""What makes a bundle trustworthy: a manifest of every file, signatures over it, and versions that only go up.

Pure values and functions; whoever calls brings the cryptography, the clock and the files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Literal, Protocol

import msgspec

from sidecar.errors import BundleError
from sidecar.rules.bundle import MANIFEST, revision
from sidecar.rules.documents import load
from sidecar.rules.schema import Manifest

# Beside the rules, in a folder as in an archive; not a rule file, so the revision does not depend on it.
ENVELOPE = ".signatures.json"
# Clocks differ; a bundle is not refused for the last minutes of its life.
CLOCK_SKEW_SECONDS = 300.0
# What is signed begins with this, so that no signature made for something else fits.
_DOMAIN = b"portcullis bundle 1\n"


class Contents(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is signed.

    Args:
        schema: version of this format.
        name: the bundle's name.
        version: the bundle's version.
        revision: SHA-256 over all names and contents; see `sidecar.rules.bundle.revision`.
        files: SHA-256 of each file, by path.
        expires: seconds since 1970 after which the bundle is refused; None: never.
        history: length and head of the bundle's history when it was signed; see `sidecar.rules.lifecycle.head_of`.
    """

    schema: Literal[1]
    name: str
    version: str
    revision: str
    files: dict[str, str]
    expires: float | None = None
    history: str = ""


class Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One signature over `Contents`; the key id is required."""

    key_id: str
    algorithm: Literal["ed25519"]
    value: bytes


class Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`.signatures.json`: the contents and who vouches for them."""

    contents: Contents
    signatures: tuple[Signature, ...] = ()


class Verifier(Protocol):
    """Checks signatures against known public keys."""

    def knows(self, key_id: str) -> bool:
        """Tell whether there is a key with this id."""
        ...

    def verify(self, key_id: str, message: bytes, signature: bytes) -> bool:
        """Tell whether the signature was made by that key over that message."""
        ...


class Signer(Protocol):
    """Signs with one key."""

    key_id: str

    def sign(self, message: bytes) -> bytes:
        """Return the signature."""
        ...


class Trust(msgspec.Struct, frozen=True):
    """Which bundles are accepted: a decision of its own, never read off the presence of a signature or of a key id.

    Args:
        required: whether a bundle without valid signatures is refused.
        threshold: how many distinct keys must have signed.
    """

    required: bool = False
    threshold: int = 1


class Floor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The newest version that was in force, kept over restarts; what is older is a replay."""

    version: str = "0.0.0"
    revision: str = ""


def describe(files: Mapping[str, bytes], *, expires: float | None = None) -> Contents:
    """List a bundle's files as they are now.

    Raises:
        BundleError: the bundle has no readable manifest.
    """
    manifest = load(files.get(MANIFEST, b""), MANIFEST, Manifest)
    return Contents(
        schema=1,
        name=manifest.name,
        version=manifest.version,
        revision=revision(files),
        files={path: hashlib.sha256(files[path]).hexdigest() for path in sorted(files)},
        expires=expires,
    )


def message(contents: Contents) -> bytes:
    """Return the bytes that are signed."""
    encoded = msgspec.json.encode(contents, order="deterministic")
    # Signatures from before there was a history to sign still fit.
    return _DOMAIN + (encoded if contents.history else encoded.removesuffix(b',"history":""}') + b"}")


def sign(envelope: Envelope, signer: Signer) -> Envelope:
    """Add a signature; an older one by the same key is replaced."""
    others = tuple(item for item in envelope.signatures if item.key_id != signer.key_id)
    mine = Signature(signer.key_id, "ed25519", signer.sign(message(envelope.contents)))
    return Envelope(envelope.contents, (*others, mine))


def read_envelope(data: bytes | None) -> Envelope | None:
    """Read `.signatures.json`; None where there is none.

    Raises:
        BundleError: it cannot be read; never taken for an absent one.
    """
    if data is None:
        return None
    try:
        return msgspec.json.decode(data, type=Envelope)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BundleError(f"{ENVELOPE}:1: {error}") from None


def faults(
    files: Mapping[str, bytes],
    envelope: Envelope | None,
    trust: Trust,
    verifier: Verifier,
    *,
    now: float | None,
    floor: Floor | None = None,
    rollback: bool = False,
) -> list[str]:
    """Say why a bundle is not to be trusted.

    Args:
        files: the bundle's files, without the envelope.
        envelope: what came with them; None where nothing did.
        trust: what is asked for.
        verifier: the known keys.
        now: seconds since 1970; None where it may have expired.
        floor: the newest version that was in force; None where there is no memory.
        rollback: whether an older version is wanted.

    Returns:
        All reasons as `path:line: sentence`; empty where the bundle is to be trusted.
    """
    actual = describe(files)
    found = [*_version_faults(actual, floor, rollback)]
    if envelope is None:
        if trust.required:
            found.append(f"{ENVELOPE}:1: the bundle is not signed, and signatures are required")
        return found
    found += _content_faults(actual, envelope.contents)
    expires = envelope.contents.expires
    if expires is not None and now is not None and now > expires + CLOCK_SKEW_SECONDS:
        found.append(f"{ENVELOPE}:1: the bundle has expired")
    return found + _signature_faults(envelope, trust, verifier)


def _signature_faults(envelope: Envelope, trust: Trust, verifier: Verifier) -> list[str]:
    found: list[str] = []
    signed = message(envelope.contents)
    valid: set[str] = set()
    for item in envelope.signatures:
        if not verifier.knows(item.key_id):
            found.append(f"{ENVELOPE}:1: signed by key `{item.key_id[:64]}`, which is not known here")
        elif verifier.verify(item.key_id, signed, item.value):
            valid.add(item.key_id)
        else:
            found.append(f"{ENVELOPE}:1: the signature of key `{item.key_id[:64]}` does not fit the contents")
    if not trust.required:
        # What claims to be signed by a known key must be; strangers do not matter where nobody has to sign.
        return [fault for fault in found if "does not fit" in fault]
    if len(valid) < trust.threshold:
        found.append(
            f"{ENVELOPE}:1: {len(valid)} valid signatures of distinct keys where {trust.threshold} are required"
        )
        return found
    return [fault for fault in found if "does not fit" in fault]


def _content_faults(actual: Contents, signed: Contents) -> list[str]:
    found = [
        f"{path}:1: differs from what was signed"
        for path, digest in actual.files.items()
        if path in signed.files and signed.files[path] != digest
    ]
    found += [f"{path}:1: was not signed" for path in actual.files.keys() - signed.files.keys()]
    found += [f"{path}:1: was signed and is missing" for path in signed.files.keys() - actual.files.keys()]
    for name in ("name", "version", "revision"):
        if getattr(actual, name) != getattr(signed, name):
            found.append(f"{ENVELOPE}:1: the {name} is not the one that was signed")
    return sorted(found)


def _version_faults(actual: Contents, floor: Floor | None, rollback: bool) -> list[str]:
    if floor is None:
        return []
    mine, least = order(actual.version), order(floor.version)
    if mine < least and not rollback:
        return [
            f"{MANIFEST}:1: version {actual.version} is older than {floor.version}, which was in force; see rollback"
        ]
    if mine == least and floor.revision and actual.revision != floor.revision:
        return [f"{MANIFEST}:1: version {actual.version} was published with other contents; raise the version"]
    return []


def order(version: str) -> tuple[int, ...]:
    """Return what versions are compared by."""
    return tuple(int(part) for part in version.split("."))


def is_newer(version: str, than: str) -> bool:
    """Tell whether a version comes after another."""
    return order(version) > order(than)


def is_news(files: Mapping[str, bytes], floor: Floor) -> bool:
    """Tell whether a bundle claims a version beyond the floor, or is the floor's own.

    Of a bundle that cannot be read it is true, so that it is looked at, and its faults are told.
    """
    try:
        version = load(files.get(MANIFEST, b""), MANIFEST, Manifest).version
    except BundleError:
        return True
    return is_newer(version, floor.version) or revision(files) == floor.revision


def raise_floor(floor: Floor, contents: Contents) -> Floor:
    """Return the floor after a bundle came into force; a rollback does not lower it."""
    if order(contents.version) < order(floor.version):
        return floor
    return Floor(contents.version, contents.revision)
