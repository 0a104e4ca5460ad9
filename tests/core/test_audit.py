"""Any edit, cut or reorder of the log shows."""

import hashlib
import hmac
import random

import msgspec
import pytest

from sidecar.core.audit import Chain, Change, Record, Seal, sealed_bytes, verify

KEY = b"test key"


def sign(data):
    return hmac.digest(KEY, data, hashlib.sha256)


def check(seal):
    return seal.signature == sign(sealed_bytes(seal.sequence, seal.head)).hex()


def make_log(count=30):
    """A log with a seal after every ten records, and the seal beside it."""
    chain, lines = Chain(), []
    for number in range(count):
        lines.append(chain.append(Record(time=f"t{number}", id=f"d{number}", verdict="block", rules=("r",), score=0.5)))
        if number % 10 == 9:
            lines.append(chain.append(chain.seal("t", "k", sign)))
    lines.append(chain.append(Change("t", "reload", {"revision": "r2"})))
    return lines, chain.seal("t", "k", sign)


def faults(lines, head):
    return list(verify(lines, check=check, last=head))


def test_whole_log_has_no_fault():
    """What was written verifies."""
    lines, head = make_log()

    assert faults(lines, head) == []


def test_log_goes_on_in_another_file():
    """A rotated log is verified file by file."""
    lines, head = make_log()
    chain = Chain()
    first = list(verify(lines[:7], check=check, chain=chain))

    assert first == []
    assert list(verify(lines[7:], check=check, chain=chain, last=head)) == []


def tamper(lines, source):
    """One random edit, cut, reorder, copy or forgery; returns other lines than it was given."""
    lines = list(lines)
    kind = source.choice(["flip", "cut", "swap", "copy", "tail", "insert", "rehash", "space"])
    at = source.randrange(len(lines))
    if kind == "flip":
        line = bytearray(lines[at])
        line[source.randrange(len(line) - 1)] ^= 1 << source.randrange(7)
        lines[at] = bytes(line)
    elif kind == "cut":
        del lines[at]
    elif kind == "swap":
        other = source.choice([n for n in range(len(lines)) if n != at])
        lines[at], lines[other] = lines[other], lines[at]
    elif kind == "copy":
        lines.insert(source.randrange(len(lines)), lines[at])
    elif kind == "tail":
        del lines[source.randrange(len(lines)) :]
    elif kind == "insert":
        lines.insert(at, Chain().append(Record(time="t", id="forged")))
    elif kind == "space":
        lines[at] = lines[at].replace(b'"entry":', b'"entry": ')
    else:  # somebody without the key rewrites the chain from here on
        chain = Chain(at, msgspec.json.decode(lines[at])["previous"])
        tail = [msgspec.json.decode(line)["entry"] for line in lines[at + 1 :]]
        lines[at:] = [chain.append(Record(time="t", id="forged"))]
        lines += [chain.append(Record(time="t", id=entry.get("id", ""))) for entry in tail]
    return lines


def test_a_thousand_tamperings_are_found():
    """Every random tampering gives a fault."""
    source = random.Random(7)
    lines, head = make_log()
    missed = 0
    for _ in range(1000):
        touched = tamper(lines, source)
        if touched != lines:
            missed += not faults(touched, head)

    assert missed == 0


@pytest.mark.parametrize("field", ["sequence", "head", "signature"])
def test_a_forged_seal_is_no_seal(field):
    """A seal beside the log that was not signed is itself a fault."""
    lines, head = make_log()
    forged = msgspec.structs.replace(head, **{field: 1 if field == "sequence" else "0" * 64})

    assert faults(lines, forged) != []


def test_another_logs_seal_does_not_fit():
    """Seals belong to one chain."""
    lines, _ = make_log()
    other = Chain()
    other.append(Record(time="t", id="x"))

    assert faults(lines, Seal("t", other.sequence, other.head, "k", sign(sealed_bytes(1, other.head)).hex())) != []
