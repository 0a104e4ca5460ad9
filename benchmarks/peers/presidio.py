"""Presidio's pattern recognizers, as they are and behind the sidecar's gates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import presidio_analyzer  # the whole package, before anything stages it

from sidecar.backends.hyperscan_scanner import HyperscanScanner
from sidecar.backends.presidio_load import take_offline
from sidecar.backends.presidio_recognizer import PresidioRecognizer
from sidecar.backends.presidio_settings import Settings


def recognizers() -> Callable[[str], Any]:
    """Return Presidio's default pattern recognizers alone: no NLP engine, no context, no overlaps."""
    take_offline()
    registry = presidio_analyzer.RecognizerRegistry()
    registry.load_predefined_recognizers(languages=["en"])
    chosen: list[Any] = [item for item in registry.recognizers if type(item).__name__ != "SpacyRecognizer"]

    def find(text: str) -> list[Any]:
        return [result for item in chosen for result in item.analyze(text, item.supported_entities, None) or ()]

    return find


def gated() -> Callable[[str], Any]:
    """Return the same recognizers behind their gates: the scan, and context and duplicates by Presidio where one fires."""
    recognizer = PresidioRecognizer(Settings())
    scanner = HyperscanScanner(recognizer.gates)

    def find(text: str) -> Any:
        fired = scanner.scan(text)
        return recognizer.find(text, fired) if fired else fired

    return find
