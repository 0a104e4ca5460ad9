"""Goal 9 of reliability.md: what is in a cache is trusted code; nothing that we did not write is ever loaded."""

import binascii
import hashlib
import os
import random
import stat
import struct

import hyperscan
import pytest

from sidecar.backends import hyperscan_scanner
from sidecar.backends.hyperscan_scanner import HyperscanScanner
from sidecar.backends.sealed_cache import KEPT, cache_key, read_sealed, write_sealed
from sidecar.core.scan import Gate
from sidecar.errors import ConfigError

GATES = [Gate("ignore"), Gate("sesame"), Gate(r"\bghp_[A-Za-z0-9]{36}\b", literal=False, caseless=False)]
TEXT = "please ignore the sesame"
SEAL = hashlib.sha256().digest_size


def forge(sealed, source):
    """Change a cache file as a disk fault or an attacker might; half of the time what an attacker can repair is repaired."""
    seal, blob = sealed[:SEAL], bytearray(sealed[SEAL:])
    for _ in range(source.choice([1, 1, 8])):
        blob[source.randrange(len(blob))] ^= 1 << source.randrange(8)
    kind = source.randrange(8)
    if kind < 4:  # Hyperscan's own CRC32C, and a digest without the key
        blob = repaired(bytes(blob))
        seal = hashlib.sha256(blob).digest() if kind % 2 else seal
    elif kind == 4:
        return sealed[: source.randrange(len(sealed))]
    elif kind == 5:
        blob += source.randbytes(source.randrange(1, 64))
    elif kind == 6:
        seal = source.randbytes(SEAL)
    return seal + bytes(blob)


def repaired(blob):
    """Put the right CRC into the header: 32 bytes, with the length at 8 and at 20 the CRC of so much of what follows."""
    length = struct.unpack_from("<I", blob, 8)[0]
    return blob[:20] + struct.pack("<I", crc32c(blob[32 : 32 + length], 0)) + blob[24:]


def crc32c(data, crc):
    """CRC-32C (Castagnoli) as Hyperscan has it: begun with 0 and not inverted."""
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc


def _entry(value):
    for _ in range(8):
        value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
    return value


_TABLE = [_entry(value) for value in range(256)]


def test_crc32c_is_the_one_of_castagnoli():
    """Its check value; the CRC of zlib is another one."""
    assert (crc32c(b"123456789", 0xFFFFFFFF) ^ 0xFFFFFFFF, binascii.crc32(b"123456789")) == (0xE3069283, 0xCBF43926)


def mutate(tmp_path, monkeypatch, times):
    """Write forged caches and open them; returns how many were handed to Hyperscan, and how many gave wrong matches."""
    HyperscanScanner(GATES, tmp_path)
    (path,) = tmp_path.glob("*.hsdb")
    good = path.read_bytes()
    handed, wrong = [], 0
    monkeypatch.setattr(hyperscan_scanner, "_deserialise", handed.append)
    compiled = hyperscan_scanner._compile(GATES, range(len(GATES)))
    monkeypatch.setattr(hyperscan_scanner, "_compile", lambda *_: compiled)
    expected = HyperscanScanner(GATES).scan(TEXT)
    for number in range(times):
        forged = forge(good, random.Random(number))
        if forged == good:
            continue
        path.write_bytes(forged)
        wrong += HyperscanScanner(GATES, tmp_path).scan(TEXT) != expected
        assert path.read_bytes()[SEAL:] == hyperscan.dumpb(compiled)  # thrown away, and written anew
    return len(handed), wrong


def test_a_mutated_cache_is_never_loaded(tmp_path, monkeypatch):
    """A short version of the next."""
    monkeypatch.setattr(hyperscan_scanner, "require_trustworthy_engine", lambda: None)

    assert mutate(tmp_path, monkeypatch, 200) == (0, 0)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_10_000_mutated_caches_are_never_loaded(tmp_path, monkeypatch):
    """0 loaded, 0 crashes, 0 wrong verdicts."""
    monkeypatch.setattr(hyperscan_scanner, "require_trustworthy_engine", lambda: None)

    assert mutate(tmp_path, monkeypatch, 10_000) == (0, 0)


def test_a_repaired_blob_is_what_hyperscan_alone_would_take(tmp_path):
    """The attack is real: without the seal some forged blobs load; otherwise the test above would show nothing."""
    HyperscanScanner(GATES, tmp_path)
    (path,) = tmp_path.glob("*.hsdb")
    blob = path.read_bytes()[SEAL:]
    assert repaired(blob) == blob
    taken = 0
    for place in range(40, len(blob), 97):
        forged = bytearray(blob)
        forged[place] ^= 1
        try:
            hyperscan.loadb(repaired(bytes(forged)), hyperscan.HS_MODE_BLOCK)
            taken += 1
        except hyperscan.HyperscanError:
            continue

    assert taken > 0


def test_a_key_of_somebody_else_is_refused(tmp_path):
    """Who could read the key could seal what they like."""
    cache_key(tmp_path)
    (tmp_path / "cache.key").chmod(0o644)

    with pytest.raises(ConfigError, match="mode 600"):
        cache_key(tmp_path)


@pytest.mark.parametrize("content", [b"", b"short", bytes(33)])
def test_half_a_key_is_replaced(tmp_path, content):
    """A key that was cut off by a crash is no key; two processes that meet agree on one."""
    (tmp_path / "cache.key").write_bytes(content)
    (tmp_path / "cache.key").chmod(0o600)
    key = cache_key(tmp_path)

    assert (len(key), cache_key(tmp_path)) == (32, key)
    assert stat.S_IMODE((tmp_path / "cache.key").stat().st_mode) == 0o600


def test_what_is_not_used_goes(tmp_path):
    """A reload every second must not fill a disk; other kinds of files stay."""
    key = cache_key(tmp_path)
    write_sealed(tmp_path / "a.other", key, "a", b"x")
    for number in range(KEPT + 5):
        write_sealed(tmp_path / f"{number}.hsdb", key, str(number), b"x")
        os.utime(tmp_path / f"{number}.hsdb", (number, number))
        read_sealed(tmp_path / "0.hsdb", key, "0")

    assert len(list(tmp_path.glob("*.hsdb"))) == KEPT
    assert [read_sealed(tmp_path / f"{number}.hsdb", key, str(number)) for number in (0, 1)] == [b"x", None]
    assert (tmp_path / "a.other").exists()
