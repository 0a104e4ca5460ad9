"""The life of a bundle: states, who moved it when and why, approvals by distinct keys; a chained, append-only history."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from sidecar.errors import BundleError
from sidecar.rules.shipping import Contents, Verifier, message

State = Literal["development", "staging", "approved", "production", "deprecated", "archived"]
STATES: tuple[State, ...] = ("development", "staging", "approved", "production", "deprecated", "archived")
# Forward one by one; back to development while nobody relies on it; a deprecated bundle may return: that is a rollback.
MOVES: dict[State, tuple[State, ...]] = {
    "development": ("staging", "archived"),
    "staging": ("approved", "development", "archived"),
    "approved": ("production", "staging", "archived"),
    "production": ("deprecated",),
    "deprecated": ("production", "archived"),
    "archived": (),
}
HISTORY = ".history.jsonl"
_GENESIS = "0" * 64


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of the history.

    Args:
        number: from 1, without gaps.
        at: seconds since 1970.
        who: who did it.
        why: the reason; mandatory.
        act: `move` to `state`, or `approve`.
        state: the state that the bundle is in after this.
        version: the bundle's version.
        revision: the bundle's revision.
        key_id: of an approval, the key.
        signature: of an approval, by that key over the bundle's contents.
        previous: digest of the entry before; zeros for the first.
        digest: SHA-256 over all of the above.
    """

    number: int
    at: float
    who: str
    why: str
    act: Literal["move", "approve"]
    state: State
    version: str
    revision: str
    key_id: str = ""
    signature: bytes = b""
    previous: str = _GENESIS
    digest: str = ""


def read_history(data: bytes) -> tuple[Entry, ...]:
    """Read a history.

    Raises:
        BundleError: a line cannot be read, or the chain is broken: something was changed, dropped or added.
    """
    entries: list[Entry] = []
    previous = _GENESIS
    for number, line in enumerate(data.splitlines(), 1):
        try:
            entry = msgspec.json.decode(line, type=Entry)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BundleError(f"{HISTORY}:{number}: {error}") from None
        if (entry.number, entry.previous, entry.digest) != (number, previous, _digest(entry)):
            raise BundleError(f"{HISTORY}:{number}: the chain is broken here; the history was tampered with")
        previous = entry.digest
        entries.append(entry)
    return tuple(entries)


def head_of(history: Sequence[Entry]) -> str:
    """Return what stands for a whole history: its length and its last digest; empty where nothing has happened.

    A chain of digests shows what was changed in it; whoever signs its head also fixes where it ends.
    """
    return f"{len(history)}:{history[-1].digest}" if history else ""


def head_faults(history: Sequence[Entry], head: str) -> list[str]:
    """Say what is wrong with a history of which a head was signed; it may have grown since."""
    number, _, digest = head.partition(":")
    if not head or (number.isdigit() and 0 < int(number) <= len(history) and history[int(number) - 1].digest == digest):
        return []
    return [f"{HISTORY}:{number}: the history is not the one that was signed: entries are gone, or were written anew"]


def write_entry(entry: Entry) -> bytes:
    """Return an entry as a line to append."""
    return msgspec.json.encode(entry) + b"\n"


def state_of(history: Iterable[Entry], revision: str) -> State:
    """Return the state that a revision is in; `development` where the history does not know it."""
    state: State = "development"
    for entry in history:
        if entry.revision == revision:
            state = entry.state
    return state


def move(history: Sequence[Entry], contents: Contents, state: State, *, who: str, why: str, at: float) -> Entry:
    """Move a bundle to another state.

    Args:
        history: what happened so far.
        contents: the bundle.
        state: where to.
        who: who does it.
        why: the reason.
        at: seconds since 1970.

    Raises:
        BundleError: no such move, no reason, or a version that was published with other contents.
    """
    now = state_of(history, contents.revision)
    if state not in MOVES[now]:
        allowed = ", ".join(MOVES[now]) or "nowhere"
        raise BundleError(f"{HISTORY}:1: from {now} a bundle goes to {allowed}, not to {state}")
    _require_reason(who, why)
    _require_same_contents(history, contents)
    return _append(history, Entry(0, at, who, why, "move", state, contents.version, contents.revision))


def approve(
    history: Sequence[Entry], contents: Contents, *, who: str, why: str, at: float, key_id: str, signature: bytes
) -> Entry:
    """Record an approval; its signature is checked where approvals are counted."""
    _require_reason(who, why)
    _require_same_contents(history, contents)
    state = state_of(history, contents.revision)
    if state != "staging":
        raise BundleError(f"{HISTORY}:1: a bundle is approved in staging; this one is in {state}")
    entry = Entry(0, at, who, why, "approve", state, contents.version, contents.revision, key_id, signature)
    return _append(history, entry)


def approvals(history: Iterable[Entry], contents: Contents, verifier: Verifier) -> frozenset[str]:
    """Return the distinct known keys that approved exactly these contents."""
    signed = approval_message(contents)
    return frozenset(
        entry.key_id
        for entry in history
        if entry.act == "approve"
        and entry.revision == contents.revision
        and verifier.knows(entry.key_id)
        and verifier.verify(entry.key_id, signed, entry.signature)
    )


def approval_message(contents: Contents) -> bytes:
    """Return what an approver signs; not what a publisher signs, so that neither stands in for the other."""
    return b"approve " + message(contents)


def require_approvals(history: Iterable[Entry], contents: Contents, verifier: Verifier, *, needed: int) -> None:
    """Refuse a bundle that too few approved.

    Raises:
        BundleError: says how many approvals there are and how many are needed.
    """
    found = approvals(history, contents, verifier)
    if len(found) < needed:
        raise BundleError(f"{HISTORY}:1: {len(found)} approvals by distinct keys where {needed} are needed")


def _require_reason(who: str, why: str) -> None:
    if not who.strip() or not why.strip():
        raise BundleError(f"{HISTORY}:1: every step says who and why")


def _require_same_contents(history: Iterable[Entry], contents: Contents) -> None:
    for entry in history:
        if entry.version == contents.version and entry.revision != contents.revision and entry.state != "development":
            raise BundleError(f"{HISTORY}:{entry.number}: version {contents.version} was published with other contents")


def _append(history: Sequence[Entry], entry: Entry) -> Entry:
    previous = history[-1].digest if history else _GENESIS
    numbered = msgspec.structs.replace(entry, number=len(history) + 1, previous=previous)
    return msgspec.structs.replace(numbered, digest=_digest(numbered))


def _digest(entry: Entry) -> str:
    bare = msgspec.structs.replace(entry, digest="")
    return hashlib.sha256(msgspec.json.encode(bare, order="deterministic")).hexdigest()
