"""LLM Guard's pattern scanners, timed in an environment of their own: it pins another Presidio than we do.

    python llm_guard_peer.py < {"patterns": [...], "texts": {name: text}, "turns": 3}

Its models (a DeBERTa for names, spaCy's `en_core_web_sm`) are left out, and so is torch, which only they need:
what is timed is its regular expressions alone, with a blank spaCy pipeline for their context words. All of that is
in its favour. Runs under any Python 3.11 that `benchmarks.peers.environment` made; imports nothing of ours.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import Any

_LEAST_SECONDS = 0.05


def _without_models() -> None:
    """Stand in for torch, of which only the choice of a device is used while importing."""
    torch = ModuleType("torch")
    absent = SimpleNamespace(is_available=lambda: False)
    torch.__dict__.update(cuda=absent, backends=SimpleNamespace(mps=absent), device=str, no_grad=lambda: lambda f: f)
    torch.__spec__ = ModuleSpec("torch", None)  # it looks before it imports
    sys.modules["torch"] = torch


def _anonymize() -> Any:
    """Make its `Anonymize` with every pattern recognizer that it ships for English, and no model."""
    import spacy  # noqa: PLC0415 - this environment only
    from llm_guard.input_scanners import anonymize  # noqa: PLC0415 - this environment only
    from llm_guard.input_scanners.anonymize_helpers import analyzer  # noqa: PLC0415 - this environment only
    from llm_guard.vault import Vault  # noqa: PLC0415 - this environment only
    from presidio_analyzer import EntityRecognizer  # noqa: PLC0415 - this environment only
    from presidio_analyzer.nlp_engine import SpacyNlpEngine  # noqa: PLC0415 - this environment only

    class Silent(EntityRecognizer):
        """In the place of the model: finds nothing."""

        def load(self) -> None:
            """Load nothing."""

        def analyze(self, text: str, entities: list[str], nlp_artifacts: Any = None) -> list[Any]:
            """Return nothing."""
            del text, entities, nlp_artifacts
            return []

    class Blank(SpacyNlpEngine):
        """Words without a model."""

        def __init__(self) -> None:
            super().__init__()
            self.nlp: Any = {"en": spacy.blank("en")}

    analyzer._get_nlp_engine = lambda languages: Blank()  # noqa: ARG005, SLF001 - it would download a model
    anonymize.get_transformers_recognizer = lambda **_: Silent(supported_entities=["PERSON"])
    anonymize.ALL_SUPPORTED_LANGUAGES = ["en"]
    return anonymize.Anonymize(Vault())


def _microseconds(call: Callable[[], object]) -> float:
    """Return the processor time of one call."""
    calls = 1
    while True:
        begin = time.process_time()
        for _ in range(calls):
            call()
        spent = time.process_time() - begin
        if spent >= _LEAST_SECONDS:
            return spent / calls * 1e6
        calls *= 4


def main() -> None:
    """Read what to do as JSON, time it, and write `{scanner: {text: [microseconds by turn]}}`."""
    asked = json.load(sys.stdin)
    _without_models()
    from llm_guard.input_scanners import Regex, Secrets  # noqa: PLC0415 - after the stand-ins
    from llm_guard.util import configure_logger  # noqa: PLC0415 - after the stand-ins

    configure_logger("CRITICAL")
    logging.disable(logging.CRITICAL)
    scanners = {"Regex": Regex(asked["patterns"]), "Secrets": Secrets(), "Anonymize": _anonymize()}
    times: dict[str, dict[str, list[float]]] = {name: {text: [] for text in asked["texts"]} for name in scanners}
    for scanner in scanners.values():
        scanner.scan("Warm up: write to ada@example.com.")
    for _ in range(asked["turns"]):
        for name, scanner in scanners.items():
            for key, text in asked["texts"].items():
                times[name][key].append(_microseconds(lambda: scanner.scan(text)))  # noqa: B023 - called at once
    json.dump(times, sys.stdout)


if __name__ == "__main__":
    main()
