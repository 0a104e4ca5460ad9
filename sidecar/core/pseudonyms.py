"""Pseudonyms of one exchange: values leave as placeholders or stand-ins, and come back in the answer.

Nothing is stored. A conversation brings its history along with every request, so whatever the answer may speak of is in
the request at hand, and the same value gets the same pseudonym in every turn and on every replica:

- `number`: `<PERSON_1>`, by the order in which values first appear in the conversation; needs no key.
- `code`: `<PERSON_7K2MQ4TX>`, from a keyed hash; stays even where the history is cut short.
- `surrogate`: a realistic value of the same kind, chosen by a keyed hash.
- `token`: the value itself, sealed (AES-SIV) for application, conversation and entity; it comes back even where the
  provider keeps the history, and opens nowhere else.

Restoring replaces only pseudonyms that this exchange issued, and tokens that open for it: what a model invents or
another caller was given stays as it is. Placeholders are found in any case; what a model writes in another way stays.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, Protocol

import msgspec

from sidecar.core.surrogates import surrogate

Style = Literal["number", "code", "surrogate", "token"]
STYLES: Final = ("number", "code", "surrogate", "token")

# 40 bits: among a thousand values of one conversation, two share a code once in two million conversations, and then the
# second one is told apart by its number.
_CODE_BYTES: Final = 5
_TOKEN: Final = re.compile(r"<([A-Z][A-Z0-9_]*)~([A-Z2-7]{26,16384})>", re.IGNORECASE)
_BEGUN_TOKEN: Final = re.compile(r"<(?:[A-Z][A-Z0-9_]{0,63}(?:~[A-Z2-7]{0,16384})?)?\Z", re.IGNORECASE)
_NUMBERED: Final = re.compile(r"<[A-Z][A-Z0-9_]*_[0-9]+>", re.IGNORECASE)


class Sealer(Protocol):
    """Seals values so that only the same scope opens them; the same value gives the same seal."""

    def seal(self, value: bytes, scope: Sequence[bytes]) -> bytes:
        """Seal a value for a scope."""
        ...

    def unseal(self, sealed: bytes, scope: Sequence[bytes]) -> bytes | None:
        """Open a seal; None where it was not made by us for this scope."""
        ...


class Vault(Protocol):
    """Remembers pseudonyms of a conversation where its history does not travel with the requests."""

    def load(self, scope: Sequence[str]) -> Mapping[str, str]:
        """Return value by pseudonym.

        Raises:
            EngineError: it cannot be asked.
        """
        ...

    def store(self, scope: Sequence[str], values: Mapping[str, str]) -> None:
        """Add values by pseudonym.

        Raises:
            EngineError: it cannot be written.
        """
        ...


class Keyring(msgspec.Struct, frozen=True):
    """What pseudonyms are made with.

    Args:
        key: of keyed hashes; empty where no style in use needs one.
        sealer: seals tokens; None where there are none.
        vault: remembers them; None: the history travels with the requests.
    """

    key: bytes = b""
    sealer: Sealer | None = None
    vault: Vault | None = None


class Restored(msgspec.Struct, frozen=True, gc=False):
    """A pseudonym in a text, in code points, and the value it stands for."""

    start: int
    end: int
    value: str

    def __repr__(self) -> str:
        """Show the place only."""
        return f"Restored({self.start}, {self.end})"


class Pseudonyms:
    """The pseudonyms of one exchange.

    Args:
        keyring: what they are made with.
        application: whose exchange it is; nobody else's pseudonyms are restored.
        conversation: which one of its conversations; empty: all of them are one.
    """

    def __init__(self, keyring: Keyring | None = None, application: str = "", conversation: str = "") -> None:
        self._keyring = keyring or Keyring()
        self._scope = (application, conversation)
        self._pseudonyms: dict[tuple[str, str, str], str] = {}
        self._values: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        self._taken: set[str] = set()
        self._texts: tuple[str, ...] = ()
        self._fresh: dict[str, str] = {}
        self._search: re.Pattern[str] | None = None
        if self._keyring.vault is not None:
            self._values.update(self._keyring.vault.load(self._scope))

    def reserve(self, texts: Iterable[str]) -> None:
        """Keep pseudonyms free that the texts of the exchange already hold: they mean themselves."""
        self._texts = tuple(texts)
        for text in self._texts:
            if "<" in text:
                self._taken.update(found.upper() for found in _NUMBERED.findall(text))

    def issue(self, entity: str, value: str, style: Style) -> str:
        """Return the pseudonym of a value: always the same one in this exchange.

        Args:
            entity: its type.
            value: what was found.
            style: one of `STYLES`.
        """
        known = self._pseudonyms.get((entity, value, style))
        if known is None:
            known = self._new(entity, value, style)
            self._pseudonyms[entity, value, style] = known
            if style != "token":
                self._values[_folded(known)] = value
                self._fresh[_folded(known)] = value
                self._search = None
        return known

    def _new(self, entity: str, value: str, style: Style) -> str:
        match style:
            case "number":
                return self._numbered(entity)
            case "token":
                return self._token(entity, value)
            case _:
                return self._keyed(entity, value, style)

    def _numbered(self, entity: str) -> str:
        while True:
            self._counts[entity] = number = self._counts.get(entity, 0) + 1
            placeholder = f"<{entity}_{number}>"
            if placeholder not in self._taken and _folded(placeholder) not in self._values:
                return placeholder

    def _keyed(self, entity: str, value: str, style: Style) -> str:
        for attempt in range(1000):
            digest = self._digest(entity, value, attempt)
            pseudonym = surrogate(entity, digest, value) if style == "surrogate" else f"<{entity}_{_code(digest)}>"
            is_free = self._values.get(_folded(pseudonym), value) == value
            if is_free and not any(pseudonym in text for text in self._texts):
                return pseudonym
        return self._numbered(entity)

    def _digest(self, entity: str, value: str, attempt: int) -> bytes:
        parts = (*self._scope, entity, value, str(attempt))
        message = b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)
        return hmac.new(self._keyring.key, message, hashlib.sha256).digest()

    def _token(self, entity: str, value: str) -> str:
        sealer = self._keyring.sealer
        assert sealer is not None  # checked at load
        sealed = sealer.seal(value.encode(), self._sealed_for(entity))
        return f"<{entity}~{base64.b32encode(sealed).decode().rstrip('=')}>"

    def _sealed_for(self, entity: str) -> list[bytes]:
        return [part.encode() for part in (*self._scope, entity.upper())]

    def keep(self) -> None:
        """Hand what was issued to the vault, if there is one.

        Raises:
            EngineError: the vault cannot be written.
        """
        if self._keyring.vault is not None and self._fresh:
            self._keyring.vault.store(self._scope, self._fresh)
        self._fresh = {}

    # Restoring

    def find(self, text: str) -> list[Restored]:
        """Find the pseudonyms of this exchange in a text, in order and apart from each other."""
        found = [
            Restored(match.start(), match.end(), self._values[_folded(match[0])])
            for match in (self._issued().finditer(text) if self._values else ())
        ]
        if self._keyring.sealer is not None and "~" in text:
            found += [item for match in _TOKEN.finditer(text) if (item := self._opened(match)) is not None]
            found.sort(key=lambda item: item.start)
        return found

    def _issued(self) -> re.Pattern[str]:
        if self._search is None:
            # Longest first: no pseudonym may be taken for a longer one that begins with it.
            ordered = sorted(self._values, key=len, reverse=True)
            self._search = re.compile("|".join(_expression(pseudonym) for pseudonym in ordered))
        return self._search

    def _opened(self, match: re.Match[str]) -> Restored | None:
        sealer = self._keyring.sealer
        assert sealer is not None
        coded = match[2].upper()
        try:
            sealed = base64.b32decode(coded + "=" * (-len(coded) % 8))
        except ValueError:
            return None
        value = sealer.unseal(sealed, self._sealed_for(match[1]))
        return None if value is None else Restored(match.start(), match.end(), value.decode())

    def restore(self, text: str) -> str:
        """Return a text with the pseudonyms of this exchange replaced by their values."""
        parts: list[str] = []
        done = 0
        for item in self.find(text):
            parts += (text[done : item.start], item.value)
            done = item.end
        return "".join((*parts, text[done:]))

    def open_from(self, text: str) -> int:
        """Return where a pseudonym may have begun that is not complete yet; the length of the text where none has."""
        earliest = len(text)
        if self._keyring.sealer is not None and (begun := _BEGUN_TOKEN.search(text)):
            earliest = begun.start()
        longest = max(map(len, self._values), default=0)
        for start in range(max(0, len(text) - longest), earliest):
            tail = text[start:]
            if any(_may_become(tail, pseudonym) for pseudonym in self._values):
                return start
        return earliest


def _folded(pseudonym: str) -> str:
    """Placeholders are the same in any case; a stand-in is itself."""
    return pseudonym.upper() if pseudonym.startswith("<") else pseudonym


def _expression(pseudonym: str) -> str:
    if pseudonym.startswith("<"):
        return f"(?i:{re.escape(pseudonym)})"
    # A stand-in inside a longer word or number is none.
    return rf"(?<!\w){re.escape(pseudonym)}(?!\w)"


def _may_become(tail: str, pseudonym: str) -> bool:
    if pseudonym.startswith("<"):
        return len(tail) < len(pseudonym) and pseudonym.startswith(tail.upper())
    # Whether a stand-in ends here is known from the character behind it.
    return pseudonym.startswith(tail)


def _code(digest: bytes) -> str:
    return base64.b32encode(digest[:_CODE_BYTES]).decode()


class Restorer:
    """Restores a text that comes in pieces, cut anywhere.

    Args:
        pseudonyms: of the exchange.
    """

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self._pseudonyms = pseudonyms
        self._held = ""
        # The last character that was released, which a stand-in must not be joined to.
        self._before = ""

    def receive(self, text: str) -> str:
        """Take the next piece, and return what can be shown."""
        held = self._held + text
        cut = max(0, self._pseudonyms.open_from(self._before + held) - len(self._before))
        return self._release(held, cut)

    def finish(self) -> str:
        """Return what was held back, now that nothing follows."""
        return self._release(self._held, len(self._held))

    def _release(self, held: str, cut: int) -> str:
        seen = self._before + held
        shift = len(self._before)
        found = self._pseudonyms.find(seen)
        # A pseudonym that crosses the cut waits as a whole.
        end = min((item.start for item in found if item.start < cut + shift < item.end), default=cut + shift)
        parts: list[str] = []
        done = shift
        for item in found:
            if shift <= item.start and item.end <= end:
                parts += (seen[done : item.start], item.value)
                done = item.end
        self._held = seen[end:]
        self._before = seen[:end][-1:]
        return "".join((*parts, seen[done:end]))
