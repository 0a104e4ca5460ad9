"""The record that nearly every message gets, in a form that costs next to nothing: nothing was found, nothing changed.

`to_record` is the slow twin: `EntryEncoder` writes the bytes that it gives, and the tests compare the two.
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from sidecar.core.audit import Entry, Record, encode_entry
from sidecar.core.filter import Occasion

# What surrounds the facts that differ is kept for so many applications, routes, formats and revisions.
_FRAMES_KEPT = 1024
_MICROS = 1_000_000
_encode = msgspec.json.Encoder().encode


class Passed(msgspec.Struct, frozen=True, gc=False):
    """A decision without findings, edits or reason: a clean message that went on.

    Args:
        at: seconds since the epoch.
        id: the decision's id.
        occasion: what it was about.
        verdict: its label.
        revision: of the rules.
        micros: how long it took.
        digest: keyed digest of the message.
    """

    at: float
    id: str
    occasion: Occasion
    verdict: str
    revision: str
    micros: int
    digest: str


def stamp(at: float) -> str:
    """Return a time as records hold it: UTC, ISO 8601, microseconds."""
    second, fraction = divmod(round(at * _MICROS), _MICROS)
    return datetime.fromtimestamp(second, UTC).replace(microsecond=fraction).isoformat(timespec="microseconds")


def to_record(passed: Passed) -> Record:
    """Return the record of a clean message."""
    occasion = passed.occasion
    return Record(
        time=stamp(passed.at),
        id=passed.id,
        application=occasion.application,
        route=occasion.route,
        direction=occasion.direction,
        format=occasion.format,
        verdict=passed.verdict,
        revision=passed.revision,
        micros=passed.micros,
        length=occasion.length,
        digest=passed.digest,
    )


class EntryEncoder:
    """Encodes entries; what clean messages have in common is encoded once."""

    def __init__(self) -> None:
        self._frames: dict[tuple[str, ...], bytes] = {}
        self._second = -1
        self._prefix = ""

    def encode(self, entry: Passed | Entry) -> bytes:
        """Return an entry as the log holds it."""
        if type(entry) is not Passed:
            return encode_entry(entry)  # type: ignore[arg-type]
        occasion = entry.occasion
        # Defaults are left out of records; these two are never zero but for a clock that stood still, and nothing at all.
        if not entry.micros or not occasion.length:
            return encode_entry(to_record(entry))
        key = (occasion.application, occasion.route, occasion.direction, occasion.format, entry.verdict, entry.revision)
        frame = self._frames.get(key)
        if frame is None:
            frame = self._frame(key, entry)
        return frame % (self._time(entry.at), _encode(entry.id), entry.micros, occasion.length, entry.digest.encode())

    def _time(self, at: float) -> bytes:
        second, fraction = divmod(round(at * _MICROS), _MICROS)
        if second != self._second:
            self._second, self._prefix = second, stamp(second)[:19]
        return b"%b.%06d+00:00" % (self._prefix.encode(), fraction)

    def _frame(self, key: tuple[str, ...], entry: Passed) -> bytes:
        """Return the encoded record with places for what differs."""
        if len(self._frames) >= _FRAMES_KEPT:
            self._frames.clear()
        whole = encode_entry(to_record(msgspec.structs.replace(entry, id="\x01", digest="", at=0.0))).replace(
            b"%", b"%%"
        )
        before, _, middle = whole.partition(b'"time":"1970-01-01T00:00:00.000000+00:00","id":"\\u0001"')
        middle, _, _ = middle.rpartition(b',"micros":')
        frame = b'%b"time":"%%b","id":%%b%b,"micros":%%d,"length":%%d,"digest":"%%b"}' % (before, middle)
        self._frames[key] = frame
        return frame
