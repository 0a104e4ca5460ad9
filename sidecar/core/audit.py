"""The audit chain: each record carries the hash of the one before it, so that any edit, cut or reorder shows.

The chain alone shows tampering by whoever cannot recompute it. Seals, signed by a key that the reader of the log does not
have, show the rest: a seal states how far the chain had come, and stands both in the log and beside it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable, Iterator

import msgspec

# The hash before the first record of a chain.
GENESIS = "0" * 64


class Record(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type", tag="decision"):
    """One decision, without any text.

    Args:
        time: UTC, ISO 8601, microseconds.
        id: the decision's id.
        application: who asked.
        route: for what.
        direction: `request` or `response`.
        format: the message format.
        verdict: allow, flag, mask or block.
        score: the injection score.
        rules: ids of the rules that found something.
        entities: entity types that were found, with how often.
        revision: the revision of the rules.
        reason: a code where no rule says why.
        micros: how long the decision took.
        length: of the message, in bytes or code points.
        digest: keyed digest of the message; equal messages of one application have equal digests.
    """

    time: str
    id: str
    application: str = ""
    route: str = ""
    direction: str = "request"
    format: str = ""
    verdict: str = "allow"
    score: float = 0.0
    rules: tuple[str, ...] = ()
    entities: dict[str, int] = {}
    revision: str = ""
    reason: str = ""
    micros: int = 0
    length: int = 0
    digest: str = ""


class Change(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type", tag="change"):
    """Something that happened to the filter itself: a start, a reload, a rollback, a gap in the log.

    Args:
        time: UTC, ISO 8601.
        event: what happened, such as `start`, `reload`, `reload_refused`, `rollback`, `dropped`, `resumed`.
        detail: facts about it, such as revisions, key ids and counts.
    """

    time: str
    event: str
    detail: dict[str, str] = {}


class Seal(msgspec.Struct, frozen=True, tag_field="type", tag="seal"):
    """How far the chain had come, signed.

    Args:
        time: UTC, ISO 8601.
        sequence: the number of the record that `head` belongs to.
        head: its hash.
        key: id of the key that signed.
        signature: hex, over `sequence` and `head`.
    """

    time: str
    sequence: int
    head: str
    key: str
    signature: str


Entry = Record | Change | Seal


class Line(msgspec.Struct, frozen=True):
    """A line of the log: an entry with its place in the chain."""

    sequence: int
    previous: str
    hash: str
    entry: Entry


_encoder = msgspec.json.Encoder(order="deterministic")


def encode_entry(entry: Entry) -> bytes:
    """Return an entry as the log holds it."""
    return _encoder.encode(entry)


class Chain:
    """Writes lines: keeps the number and the hash of the last one.

    Args:
        sequence: the number of the last line; 0 for a new log.
        head: its hash.
    """

    def __init__(self, sequence: int = 0, head: str = GENESIS) -> None:
        self.sequence = sequence
        self.head = head

    def append(self, entry: Entry) -> bytes:
        """Return the next line, newline included."""
        return self.append_encoded(encode_entry(entry))

    def append_encoded(self, encoded: bytes) -> bytes:
        """Return the next line, newline included, of an entry as `encode_entry` writes it."""
        sequence = self.sequence + 1
        digest = _hash(sequence, self.head, encoded)
        # The line is put together from parts: encoding it as a whole would encode the entry twice.
        line = b'{"sequence":%d,"previous":"%b","hash":"%b","entry":%b}\n' % (
            sequence,
            self.head.encode(),
            digest.encode(),
            encoded,
        )
        self.sequence, self.head = sequence, digest
        return line

    def seal(self, time: str, key: str, sign: Callable[[bytes], bytes]) -> Seal:
        """Return a seal over what was appended so far."""
        signature = sign(sealed_bytes(self.sequence, self.head)).hex()
        return Seal(time, self.sequence, self.head, key, signature)


def sealed_bytes(sequence: int, head: str) -> bytes:
    """Return what a seal signs; the prefix keeps the key's signatures from meaning anything else."""
    return b"portcullis audit seal\0%d\0%b" % (sequence, head.encode())


class Fault(msgspec.Struct, frozen=True):
    """What is wrong with a log, and where.

    Args:
        line: the line in the file, from 1.
        what: a sentence.
    """

    line: int
    what: str


def verify(
    lines: Iterable[bytes],
    *,
    check: Callable[[Seal], bool],
    chain: Chain | None = None,
    last: Seal | None = None,
) -> Iterator[Fault]:
    """Find every place where a log was edited, cut or reordered.

    Args:
        lines: the log.
        check: tells whether a seal's signature is good.
        chain: where the log goes on from; a new chain if left out. It is moved along.
        last: the seal that stands beside the log; what it covers must be there.

    Yields:
        Faults, in order of lines; none for a log that is whole.
    """
    chain = chain if chain is not None else Chain()
    number, covered = 0, last is None or last.sequence == 0
    if last is not None and not check(last):
        yield Fault(0, "the seal beside the log is not signed by a known key")
    for number, raw in enumerate(lines, 1):
        try:
            line = msgspec.json.decode(raw, type=Line, strict=True)
        except (msgspec.DecodeError, UnicodeDecodeError):
            yield Fault(number, "is no record")
            continue
        yield from _check_line(number, raw, line, chain, check)
        chain.sequence, chain.head = line.sequence, line.hash
        covered = covered or (last is not None and (line.sequence, line.hash) == (last.sequence, last.head))
    if not covered:
        yield Fault(number, "the log ends before, or differs from, what the seal beside it covers")


def _check_line(number: int, raw: bytes, line: Line, chain: Chain, check: Callable[[Seal], bool]) -> Iterator[Fault]:
    expected = Chain(line.sequence - 1, line.previous)
    # The bytes are compared, not only the hash: spacing and key order belong to what was written.
    if not hmac.compare_digest(expected.append(line.entry).rstrip(b"\n"), raw.rstrip(b"\n")):
        yield Fault(number, "was edited: its hash does not fit its content")
    if (line.sequence, line.previous) != (chain.sequence + 1, chain.head):
        yield Fault(number, f"does not follow record {chain.sequence}: something was cut, inserted or moved")
    if isinstance(line.entry, Seal):
        if (line.entry.sequence, line.entry.head) != (chain.sequence, chain.head):
            yield Fault(number, "is a seal over another log")
        elif not check(line.entry):
            yield Fault(number, "is a seal that no known key signed")


def _hash(sequence: int, previous: str, encoded: bytes) -> str:
    return hashlib.sha256(b"%d\0%b\0%b" % (sequence, previous.encode(), encoded)).hexdigest()
