"""Presidio's recognizers, ready before Presidio is: their gates are remembered, and the rest is loaded when it is needed.

Importing Presidio and reading its patterns takes 0.8 s and 35 MB. All that a start needs of it are the gates, and these
depend on nothing but versions and settings, so they are kept beside the compiled database, sealed like it.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol
from weakref import WeakValueDictionary

import msgspec

from sidecar.backends.presidio_settings import Settings
from sidecar.backends.sealed_cache import cache_key, read_sealed, write_sealed
from sidecar.core.scan import Found, Gate, Recognizer
from sidecar.errors import ConfigError, RecognizerError

# Presidio is loaded this long after the start if no text has asked for it by then.
IDLE_SECONDS = 1.0
# What the gates are worked out by, besides our own modules.
_PACKAGES = ("presidio-analyzer", "phonenumbers", "regex")
_MODULES = ("factors", "phone_numbers", "presidio_gates", "presidio_load", "presidio_recognizer", "widening")


class Remembered(msgspec.Struct, frozen=True):
    """What a start needs of the recognizers."""

    gates: tuple[Gate, ...]
    shapes: tuple[str, ...]


class Loaded(Recognizer, Protocol):
    """A recognizer with its shapes."""

    shapes: tuple[str, ...]


class DeferredPresidio:
    """The `Recognizer` over Presidio, loaded by the first text that opens one of its gates, or a moment after the start.

    Args:
        settings: which recognizers run, and how.
        cache: a private folder; None loads at once.

    Raises:
        ConfigError: a recognizer file or a setting cannot be used.
    """

    def __init__(self, settings: Settings, cache: Path | None) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._loaded: Loaded | None = None
        # Where a file cannot be read there is no content, and loading says what is wrong.
        self._content = _content(settings)
        remembered = _read(cache, self._content) if cache is not None else None
        if remembered is None:
            loaded = self._loaded = self._load()
            remembered = Remembered(tuple(loaded.gates), loaded.shapes)
            if cache is not None:
                _write(cache, self._content, remembered)
        else:
            timer = threading.Timer(IDLE_SECONDS, self._prepare)
            timer.daemon = True
            timer.start()
        self.gates: Sequence[Gate] = remembered.gates
        self.shapes = remembered.shapes

    def find(self, text: str, fired: Sequence[int]) -> Sequence[Found]:
        """Find the entities of a text; see `PresidioRecognizer.find`.

        Raises:
            RecognizerError: the text could not be inspected in full, or Presidio cannot be loaded.
        """
        return self._ready().find(text, fired)

    def _prepare(self) -> None:
        try:
            self._ready()
        except RecognizerError:
            return  # the text that needs it meets the same failure, and the failure policy

    def _ready(self) -> Loaded:
        if self._loaded is None:
            with self._lock:
                if self._loaded is None:
                    self._loaded = self._matching()
        return self._loaded

    def _load(self) -> Loaded:
        """Load, or share with another snapshot that has loaded the same: a reload costs nothing then."""
        loaded = _in_use.get(self._content)
        if loaded is None:
            loaded = _load(self._settings)
            if self._content:
                _in_use[self._content] = loaded
        return loaded

    def _matching(self) -> Loaded:
        try:
            loaded = self._load()
        except ConfigError as error:
            raise RecognizerError(f"the entity recognizers cannot be loaded: {error}") from None
        if tuple(loaded.gates) != tuple(self.gates):
            raise RecognizerError("the entity recognizers have changed since the start; restart")
        return loaded


# By the digest of what they depend on; they end with the last snapshot that holds them.
_in_use: WeakValueDictionary[str, Loaded] = WeakValueDictionary()


def _load(settings: Settings) -> Loaded:
    # Imported here: this is what is deferred.
    from sidecar.backends.presidio_recognizer import PresidioRecognizer  # noqa: PLC0415 - see above

    return PresidioRecognizer(settings)


def _content(settings: Settings) -> str:
    """Return a digest of everything that the gates depend on; empty where some of it cannot be read."""
    folder = Path(__file__).parent
    try:
        parts = [msgspec.json.encode(settings)]
        parts += [importlib.metadata.version(package).encode() for package in _PACKAGES]
        parts += [(folder / f"{module}.py").read_bytes() for module in _MODULES]
        parts += [Path(file).read_bytes() for file in settings.files]
    except (OSError, importlib.metadata.PackageNotFoundError):
        return ""
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def _read(cache: Path, content: str) -> Remembered | None:
    blob = read_sealed(cache / f"{content}.gates", cache_key(cache), content) if content else None
    try:
        return None if blob is None else msgspec.json.decode(blob, type=Remembered)
    except msgspec.DecodeError:
        return None


def _write(cache: Path, content: str, remembered: Remembered) -> None:
    if content:
        write_sealed(cache / f"{content}.gates", cache_key(cache), content, msgspec.json.encode(remembered))
