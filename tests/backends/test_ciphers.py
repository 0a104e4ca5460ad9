"""Sealed values open with their key, in their scope, unchanged; everything else is no value."""

import random

import pytest

from sidecar.backends.ciphers import AesSivSealer, TextCipher, hash_key

KEY = b"k" * 32
SCOPE = [b"app", b"conversation"]


@pytest.mark.parametrize("value", [b"", b"\x00", b"Anna Schmidt", "Zoë 👩‍👩‍👧".encode(), b"x" * 5000])
def test_a_seal_opens_in_its_scope(value):
    """The same value gives the same seal; another scope or key opens nothing."""
    sealer = AesSivSealer(KEY)
    sealed = sealer.seal(value, SCOPE)

    assert sealer.seal(value, SCOPE) == sealed
    assert sealer.unseal(sealed, SCOPE) == value
    assert sealer.unseal(sealed, [b"app", b"other"]) is None
    assert sealer.unseal(sealed, [b"appconversation"]) is None
    assert AesSivSealer(b"l" * 32).unseal(sealed, SCOPE) is None


def test_every_flipped_bit_is_noticed():
    """Nothing can be altered, cut or made longer."""
    sealer = AesSivSealer(KEY)
    sealed = sealer.seal(b"value", SCOPE)
    for place in range(len(sealed) * 8):
        forged = bytearray(sealed)
        forged[place // 8] ^= 1 << place % 8
        assert sealer.unseal(bytes(forged), SCOPE) is None
    assert [sealer.unseal(forged, SCOPE) for forged in (b"", sealed[:-1], sealed + b"x", sealed[:16])] == [None] * 4


@pytest.mark.parametrize("size", [16, 24, 32])
def test_text_comes_back_for_its_entity(size):
    """Presidio's key sizes; what is no ciphertext of ours stays alone."""
    cipher = TextCipher(b"k" * size)
    coded = cipher.encrypt("4111 é", "CREDIT_CARD")

    assert cipher.decrypt(coded, "CREDIT_CARD") == "4111 é"
    assert [cipher.decrypt(text, "CREDIT_CARD") for text in ("", "4111", "enc1_", "enc1_%%", coded[:-2])] == [None] * 5
    assert cipher.decrypt(coded, "PHONE_NUMBER") is None


@pytest.mark.parametrize("key", [b"", b"k" * 15, b"k" * 17, b"k" * 33])
def test_keys_of_other_lengths_are_refused(key):
    """At the start, not at the first value."""
    with pytest.raises(ValueError, match="bytes"):
        TextCipher(key)


def test_short_sealing_keys_are_refused():
    """Sixteen bytes at least."""
    with pytest.raises(ValueError, match="16 bytes"):
        AesSivSealer(b"k" * 15)


def test_keys_for_hashes_are_apart():
    """They tell nothing about the sealing key, and differ with it."""
    keys = {hash_key(random.Random(seed).randbytes(32)) for seed in range(50)} | {hash_key(KEY)}

    assert len(keys) == 51
    assert all(len(key) == 32 for key in keys)
    assert KEY not in keys
