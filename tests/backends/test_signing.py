"""Keys on disk, signatures, and everything that is no key."""

import stat

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from sidecar.backends.signing import new_key, read_ring, read_signer
from sidecar.errors import ConfigError


def test_a_signature_verifies_by_its_own_key_and_message_only(tmp_path):
    """Another message, another key and another id do not do."""
    mine, other = new_key(tmp_path / "a"), new_key(tmp_path / "b")
    signer, ring = read_signer(tmp_path / "a"), read_ring([tmp_path / "a.pub", tmp_path / "b.pub"])
    signature = signer.sign(b"message")

    assert mine == signer.key_id
    assert ring.verify(mine, b"message", signature)
    assert not ring.verify(mine, b"massage", signature)
    assert not ring.verify(other, b"message", signature)
    assert not ring.verify("unknown", b"message", signature)
    assert (ring.knows(mine), ring.knows("unknown"), len(ring)) == (True, False, 2)


def test_the_private_half_is_for_its_owner_and_is_never_overwritten(tmp_path):
    """Mode 600, and a second key under the same name is refused."""
    new_key(tmp_path / "a")

    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600
    with pytest.raises(ConfigError, match="File exists"):
        new_key(tmp_path / "a")


@pytest.mark.parametrize("content", [b"", b"no key", None])
def test_what_is_no_key_is_refused_with_its_path(tmp_path, content):
    """Missing files, empty ones, and text."""
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ConfigError, match="key: no readable private key"):
        read_signer(path)
    with pytest.raises(ConfigError, match="key: no readable public key"):
        read_ring([path])


def test_keys_of_other_kinds_are_refused(tmp_path):
    """An elliptic curve key in PEM is a key, and not ours."""
    key = ec.generate_private_key(ec.SECP256R1())
    private, public = tmp_path / "ec", tmp_path / "ec.pub"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))

    with pytest.raises(ConfigError, match="not an Ed25519 key"):
        read_signer(private)
    with pytest.raises(ConfigError, match="not an Ed25519 key"):
        read_ring([public])
