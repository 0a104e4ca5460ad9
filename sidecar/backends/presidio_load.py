"""Presidio's recognizers without its NLP engines: 45 MB and 0.5 s instead of 107 MB and 1.8 s, and no network.

`import presidio_analyzer` imports spaCy, torch where it is installed, and every NLP engine. The pattern recognizers need
none of it. So the packages whose `__init__` pulls it in are staged: their submodules are imported as they are, and the
names of NLP engines, which pattern recognizers use in annotations only, are stand-ins. Where the whole package was
imported before, it is used as it is.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import pkgutil
import sys
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import yaml

from sidecar.backends.import_lock import LOADING
from sidecar.backends.presidio_settings import Settings
from sidecar.errors import ConfigError, RecognizerError

_ROOT = "presidio_analyzer"
_STAGED = ("nlp_engine", "predefined_recognizers", "recognizer_registry")
# What the package's own `__init__` offers and its submodules import from it, in the order in which they need each other.
_NAMES = {
    "analysis_explanation": ("AnalysisExplanation",),
    "recognizer_result": ("RecognizerResult",),
    "entity_recognizer": ("EntityRecognizer",),
    "local_recognizer": ("LocalRecognizer",),
    "pattern": ("Pattern",),
    "pattern_recognizer": ("PatternRecognizer",),
    "context_aware_enhancers": ("ContextAwareEnhancer", "LemmaContextAwareEnhancer"),
    "analyzer_engine": ("AnalyzerEngine",),
}
# Models of other vendors, which a pattern registry has no use for.
_OTHER_ENGINES = frozenset({"HuggingFaceNerRecognizer", "BasicLangExtractRecognizer", "GLiNERRecognizer"})
# A pattern gets this many seconds for one window of text before the text counts as not inspected.
PATTERN_SECONDS = 0.5


class Presidio(msgspec.Struct, frozen=True):
    """The parts of Presidio that are used, and the recognizers that were asked for."""

    engine: type[Any]
    enhancer: Any
    pattern_recognizer: type[Any]
    remove_duplicates: Any
    recognizers: tuple[Any, ...]


def load(settings: Settings) -> Presidio:
    """Import Presidio and build the recognizers of a policy.

    Raises:
        ConfigError: a recognizer file or a country cannot be used; names it.
    """
    with LOADING:
        root = _import_root()
    take_offline()
    loader = importlib.import_module(f"{_ROOT}.recognizer_registry.recognizers_loader_utils")
    recognizers = _build(loader, settings)
    return Presidio(
        engine=root.AnalyzerEngine,
        enhancer=_quick_enhancer(root.LemmaContextAwareEnhancer),
        pattern_recognizer=root.PatternRecognizer,
        remove_duplicates=root.EntityRecognizer.remove_duplicates,
        recognizers=tuple(recognizers),
    )


def _quick_enhancer(slow: type[Any]) -> Any:
    """Return Presidio's context enhancer with one search made quick: a text full of entities else costs its square."""

    class QuickEnhancer(slow):  # type: ignore[misc]  # known once Presidio is imported
        @staticmethod
        def _find_index_of_match_token(word: str, start: int, tokens: Sequence[str], begins: Sequence[int]) -> int:
            """Return the first token that ends behind a place, as the original does by looking at all of them."""
            index = max(bisect_right(begins, start) - 1, 0)
            if begins and start >= begins[index] + len(tokens[index]):
                index += 1
            if index < len(begins):
                return index
            raise ValueError(f"no token at {start}, of {len(word)} characters")

    return QuickEnhancer()


def _import_root() -> ModuleType:
    known = sys.modules.get(_ROOT)
    if known is None:
        known = _stage(_ROOT)
        for name in _STAGED[:1]:
            _stage(f"{_ROOT}.{name}")
        for module, names in _NAMES.items():
            if module == "analyzer_engine":
                for name in _STAGED[1:]:
                    _stage(f"{_ROOT}.{name}")
            source = importlib.import_module(f"{_ROOT}.{module}")
            for name in names:
                setattr(known, name, getattr(source, name))
    for package in ("generic", "country_specific"):
        folder = importlib.import_module(f"{_ROOT}.predefined_recognizers.{package}")
        for found in pkgutil.walk_packages(folder.__path__, f"{folder.__name__}."):
            importlib.import_module(found.name)
    logger = logging.getLogger("presidio-analyzer")
    if not any(isinstance(item, _Muzzle) for item in logger.filters):
        logger.addFilter(_Muzzle())
        logger.setLevel(logging.WARNING)
    iban = f"{_ROOT}.predefined_recognizers.generic.iban_recognizer"
    vars(importlib.import_module(iban))["REGEX_TIMEOUT_SECONDS"] = PATTERN_SECONDS
    return known


def _stage(name: str) -> ModuleType:
    """Register a package without running its `__init__`; names it would have are stand-in classes for annotations."""
    spec = importlib.util.find_spec(name)
    if spec is None:
        raise ConfigError("Presidio is not installed: pip install presidio-analyzer")
    package = importlib.util.module_from_spec(spec)
    if name != _ROOT:
        setattr(package, "__getattr__", _stand_in)  # noqa: B010 - a module's hook, not an attribute of its class
    sys.modules[name] = package
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], child, package)
    return package


def _stand_in(name: str) -> type[Any]:
    if name.startswith("_"):
        raise AttributeError(name)
    return type(name, (), {})


class _Muzzle(logging.Filter):
    """Keeps Presidio's records, which quote matched text, out of every log; the one about a timeout is a failure."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Drop a record.

        Raises:
            RecognizerError: Presidio skipped a pattern that ran out of time, so text was not inspected.
        """
        if "timed out" in str(record.msg):
            raise RecognizerError("an entity pattern ran out of time")
        return False


def take_offline() -> None:
    """Give Presidio's e-mail recognizer the public suffix list inside the package: no download, no cache on disk."""
    module: Any = importlib.import_module("tldextract.tldextract")
    if getattr(module.TLD_EXTRACTOR, "suffix_list_urls", None):
        extractor = module.TLDExtract(cache_dir=None, suffix_list_urls=())
        extractor("example.com")
        module.TLD_EXTRACTOR = extractor


def _build(loader: Any, settings: Settings) -> list[Any]:
    configuration = loader.RecognizerConfigurationLoader.get(registry_configuration={"supported_languages": ["en"]})
    entries = [_switched(entry, settings) for entry in configuration["recognizers"]]
    entries = [entry for entry in entries if entry["name"] not in _OTHER_ENGINES]
    languages = set(settings.languages)
    for entry in entries:
        if entry.get("enabled", True) and entry.get("country_code") in settings.countries:
            languages |= set(entry.get("supported_languages") or ())
    known = {entry.get("country_code") for entry in entries}
    unknown = [country for country in settings.countries if country not in known]
    if unknown:
        raise ConfigError(f"pii.countries: no recognizer is from {', '.join(unknown)}")
    built = _instances(loader, entries, languages, configuration["global_regex_flags"], "Presidio's own recognizers")
    for file in settings.files:
        own, flags = _read(file)
        more = _instances(loader, own, languages, flags or configuration["global_regex_flags"], file)
        if not more:
            raise ConfigError(f"{file}: none of its recognizers is for {', '.join(sorted(languages))}")
        built += more
    return built


def _switched(entry: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """Turn a recognizer of Presidio's list on where its country was asked for."""
    own = dict(entry)
    if own.get("country_code") in settings.countries:
        own["enabled"] = True
    return own


def _instances(loader: Any, entries: Sequence[Any], languages: set[str], flags: int, source: str) -> list[Any]:
    try:
        return list(
            loader.RecognizerListLoader.get(
                recognizers=entries, supported_languages=sorted(languages), global_regex_flags=flags
            )
        )
    except (TypeError, ValueError, KeyError, AttributeError, loader.PredefinedRecognizerNotFoundError) as error:
        raise ConfigError(f"{source}: {_first_line(error)}") from None


def _read(file: str) -> tuple[list[dict[str, Any]], int | None]:
    try:
        document = yaml.safe_load(Path(file).read_bytes())
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from None
    except yaml.YAMLError as error:
        place = getattr(error, "problem_mark", None)
        line = f":{place.line + 1}" if place else ""
        raise ConfigError(f"{file}{line}: not YAML: {getattr(error, 'problem', None) or 'unreadable'}") from None
    entries = document.get("recognizers") if isinstance(document, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) and entry.get("name") for entry in entries):
        raise ConfigError(f"{file}: expected a list `recognizers` of mappings with a `name`")
    return entries, document.get("global_regex_flags")


def _first_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0] if text else 'cannot be built'}"
