"""Presidio behind gates: it is asked only about texts in which a gate fired, and only where in them; it decides alone.

What is asked is a real `AnalyzerEngine` with Presidio's own recognizers, so validation, invalidation, context
enhancement, thresholds, duplicates and allow lists are Presidio's. The findings equal those of a plain engine with the
same recognizers and `PlainNlpEngine`; `tests/contract/test_presidio_equality.py` holds us to it.
"""

from __future__ import annotations

import copy
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import regex

from sidecar.backends import presidio_gates, presidio_load
from sidecar.backends.phone_numbers import quickened, shortest_numbers
from sidecar.backends.plain_nlp import PlainArtifacts, PlainNlpEngine
from sidecar.backends.presidio_gates import ALWAYS, PatternGate
from sidecar.backends.presidio_settings import Settings
from sidecar.backends.presidio_windows import CHUNK, WHOLE, Scope, chunks, run_scope, scope_of
from sidecar.backends.widening import readable
from sidecar.core.scan import Found, Gate
from sidecar.errors import EngineError, RecognizerError

# All windows of one piece of text together get this much processor time (a busy machine is no reason to refuse a text);
# a slower text counts as not inspected.
PIECE_SECONDS = 2.0
# Distinct combinations of patterns that fire together are few; beyond this many the memory of them starts anew.
_SCOPES_KEPT = 512
# What an entity of a recognizer that does not say may look like.
_ANYTHING = r"\S[\s\S]{0,320}"


class PresidioRecognizer:
    """A `Recognizer` over Presidio's registry; safe to share between threads.

    Args:
        settings: which recognizers run, and how.

    Attributes:
        gates: what must be in a text for any of them to find something.
        shapes: expressions of `re` that entities match, for streams: what could still become one is held back.

    Raises:
        ConfigError: a recognizer file or a setting cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        presidio = presidio_load.load(settings)
        self._remove_duplicates = presidio.remove_duplicates
        self._allow = {"allow_list": list(settings.allow_list) or None, "allow_list_match": settings.allow_list_match}
        self._sources = [_source(recognizer, presidio.pattern_recognizer) for recognizer in presidio.recognizers]
        languages = tuple(dict.fromkeys(recognizer.supported_language for recognizer in presidio.recognizers))
        self._nlp = PlainNlpEngine(languages)
        self._engines = {language: self._engine(presidio, language, settings) for language in languages}
        gates, self._users = _index(self._sources)
        self.gates: Sequence[Gate] = gates
        self.shapes = tuple(dict.fromkeys(shape for source in self._sources for shape in source.shapes))

    def _engine(self, presidio: presidio_load.Presidio, language: str, settings: Settings) -> Any:
        registry = _Selection(presidio.recognizers, [language])
        return presidio.engine(
            registry=registry,
            nlp_engine=self._nlp,
            supported_languages=[language],
            default_score_threshold=settings.score_threshold,
            context_aware_enhancer=presidio.enhancer,
        )

    def find(self, text: str, fired: Sequence[int]) -> list[Found]:
        """Find the entities of a text.

        Args:
            text: any text; a long one is analysed in pieces.
            fired: indexes into `gates`.

        Raises:
            RecognizerError: a recognizer failed or ran out of time: the text was not inspected in full.
        """
        patterns: dict[int, set[int]] = {}
        for gate in fired:
            for source, pattern in self._users[gate]:
                patterns.setdefault(source, set()).add(pattern)
        chosen = [(self._sources[source], frozenset(which)) for source, which in patterns.items()]
        try:
            if len(text) <= CHUNK + CHUNK // 4:
                return self._analyse(text, chosen)
            return [found for piece in chunks(text) for found in self._piece(text, *piece, chosen)]
        except EngineError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever Presidio raises, the text was not inspected
            raise RecognizerError(f"an entity recognizer failed: {type(error).__name__}") from None

    def _piece(
        self, text: str, seen: Any, own: Any, chosen: Sequence[tuple[_Source, frozenset[int]]]
    ) -> Iterator[Found]:
        for found in self._analyse(text[seen.start : seen.end], chosen):
            start = found.start + seen.start
            if own.start <= start < own.end:
                yield Found(found.entity, start, found.end + seen.start, found.confidence)

    def _analyse(self, text: str, chosen: Sequence[tuple[_Source, frozenset[int]]]) -> list[Found]:
        deadline = time.thread_time() + PIECE_SECONDS
        by_language: dict[str, list[_Asked]] = {}
        for source, which in chosen:
            asked = _Asked(source, which, deadline)
            by_language.setdefault(source.recognizer.supported_language, []).append(asked)
        results: list[Any] = []
        for language, recognizers in by_language.items():
            engine = copy.copy(self._engines[language])
            engine.registry = _Selection(recognizers, [language])
            artifacts = PlainArtifacts(text, self._nlp, language)
            entities = [entity for asked in recognizers for entity in asked.supported_entities]
            results += engine.analyze(text, language, entities, nlp_artifacts=artifacts, **self._allow)
        if len(by_language) > 1:
            results = self._remove_duplicates(results)
        return [Found(item.entity_type, item.start, item.end, item.score) for item in results]


class _Selection:
    """A registry of the recognizers that one text needs, in the shape that `AnalyzerEngine` asks."""

    def __init__(self, recognizers: Sequence[Any], supported_languages: list[str]) -> None:
        self.recognizers = recognizers
        self.supported_languages = supported_languages

    def get_recognizers(self, **_request: Any) -> list[Any]:
        return list(self.recognizers)

    def validate_nlp_engine_compatibility(self, _engine: Any) -> None:
        """Nothing here reads the results of an NLP engine."""


class _Source:
    """One recognizer of Presidio, prepared: patterns compiled and bounded in time, gates known.

    Args:
        recognizer: a copy that is ours; Presidio shares patterns between recognizers.
        gates: one for each pattern; for other recognizers, one for each reason to ask them.
        scope: where to look when it is no pattern recognizer.
        divisible: whether its patterns may run apart.
        shapes: what its entities match, as `re` reads it.
    """

    def __init__(
        self,
        recognizer: Any,
        gates: Sequence[PatternGate],
        *,
        scope: Scope = WHOLE,
        divisible: bool = False,
        shapes: Sequence[str] = (_ANYTHING,),
    ) -> None:
        self.recognizer = recognizer
        self.shapes = shapes
        self.gates = gates
        self._scope = scope
        self._divisible = divisible
        self._prepared: dict[frozenset[int], tuple[Any, Scope]] = {}

    def prepared(self, which: frozenset[int]) -> tuple[Any, Scope]:
        """Return the recognizer with those of its patterns whose gates fired, and the scope of these."""
        if not self._divisible:
            return self.recognizer, self._scope
        known = self._prepared.get(which)
        if known is None:
            chosen = sorted(which)
            part = copy.copy(self.recognizer)
            part.patterns = [self.recognizer.patterns[index] for index in chosen]
            if len(self._prepared) >= _SCOPES_KEPT:
                self._prepared.clear()
            known = self._prepared[which] = (part, scope_of([self.gates[index] for index in chosen]))
        return known


class _Asked:
    """A recognizer as one text needs it: it analyses windows, and stops when the time is up."""

    is_loaded = True

    def __init__(self, source: _Source, which: frozenset[int], deadline: float) -> None:
        self._recognizer, self._scope = source.prepared(which)
        self._deadline = deadline
        # Presidio asks for these once for each pair of results and recognizers.
        self.id = source.recognizer.id
        self.name = source.recognizer.name
        self.context = source.recognizer.context
        self.supported_entities = source.recognizer.supported_entities

    def __getattr__(self, name: str) -> Any:
        return getattr(self._recognizer, name)

    def analyze(self, text: str, entities: list[str], nlp_artifacts: Any = None) -> list[Any]:
        """Return Presidio's results for every window, in code points of the text."""
        results: list[Any] = []
        for window in self._scope.windows(text):
            if time.thread_time() > self._deadline:
                raise RecognizerError("the entity recognizers ran out of time")
            found = self._recognizer.analyze(text[window.start : window.end], entities, nlp_artifacts)
            results.extend(_moved(result, window.start) for result in found)
        return results


class _NoExplanation:
    """Stands for Presidio's explanation of a result, which nobody reads here."""

    def set_supportive_context_word(self, _word: str) -> None:
        """Keep nothing."""

    def set_improved_score(self, _score: float) -> None:
        """Keep nothing."""


_EXPLANATION = _NoExplanation()


def _moved(result: Any, offset: int) -> Any:
    """Return a result in code points of the whole text; Presidio's enhancer copies deeply, and this copies in 1 us."""
    own: Any = type(result)
    kind = _light(own)
    return kind(
        result.entity_type,
        result.start + offset,
        result.end + offset,
        result.score,
        _EXPLANATION,
        result.recognition_metadata,
    )


@lru_cache(maxsize=8)
def _light(kind: Any) -> Any:
    return type(kind.__name__, (kind,), {"__deepcopy__": lambda self, _memo: copy.copy(self)})


class _BoundedRegex:
    """A compiled pattern whose timeout is ours, and is a failure: Presidio would log it and skip the pattern."""

    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled

    def finditer(self, text: str, timeout: float | None = None) -> Iterator[Any]:
        """Find all matches in `PATTERN_SECONDS`; Presidio's own `timeout` is not used.

        Raises:
            RecognizerError: the time was not enough.
        """
        del timeout
        try:
            yield from self._compiled.finditer(text, timeout=presidio_load.PATTERN_SECONDS)
        except TimeoutError:
            raise RecognizerError("an entity pattern ran out of time") from None


def _source(recognizer: Any, pattern_recognizer: type[Any]) -> _Source:
    analyze = type(recognizer).analyze
    if isinstance(recognizer, pattern_recognizer):
        # Presidio's IBAN recognizer has its own loop over the same matches.
        if analyze is pattern_recognizer.analyze or type(recognizer).__name__ == "IbanRecognizer":
            return _pattern_source(recognizer)
    elif hasattr(recognizer, "supported_regions"):
        return _phone_source(recognizer)
    return _Source(recognizer, [PatternGate(ALWAYS)])


def _pattern_source(recognizer: Any) -> _Source:
    own = copy.copy(recognizer)
    own.patterns = [_bounded(pattern, own.global_regex_flags) for pattern in recognizer.patterns]
    gates = [presidio_gates.gate_of(pattern.regex, own.global_regex_flags) for pattern in own.patterns]
    shapes = [readable(pattern.regex, own.global_regex_flags) or _ANYTHING for pattern in own.patterns]
    return _Source(own, gates, divisible=True, shapes=shapes)


def _bounded(pattern: Any, flags: int) -> Any:
    own = copy.copy(pattern)
    own.compiled_regex = _BoundedRegex(regex.compile(pattern.regex, flags=flags))
    own.compiled_with_flags = flags
    return own


def _phone_source(recognizer: Any) -> _Source:
    library = shortest_numbers(tuple(recognizer.supported_regions), recognizer.leniency)
    gates = presidio_gates.phone_gates(library.punctuation, library.digits, library.numbers)
    least = min((len(number) for number in library.numbers), default=library.digits)
    locate = re.compile(rf"\d(?:[{library.punctuation}]{{0,4}}\d){{{least - 1}}}")
    scope = run_scope(locate, presidio_gates.phone_alphabet(library.pattern), reach=1)
    own = copy.copy(recognizer)
    own.__class__ = quickened(type(recognizer))
    return _Source(own, [PatternGate(gate) for gate in gates], scope=scope, shapes=[library.pattern.pattern])


def _index(sources: Sequence[_Source]) -> tuple[list[Gate], Mapping[int, Sequence[tuple[int, int]]]]:
    """List the distinct gates, and for each of them the patterns that ask for it."""
    wanted = [(source, index, gate) for source, item in enumerate(sources) for index, gate in enumerate(item.gates)]
    compiled = presidio_gates.shared([gate for _, _, gate in wanted])
    gates: dict[Gate, int] = {presidio_gates.foreign_digits_gate(): 0}
    users: dict[int, list[tuple[int, int]]] = {0: []}
    for (source, index, pattern), gate in zip(wanted, compiled, strict=True):
        number = gates.setdefault(gate, len(gates))
        users.setdefault(number, []).append((source, index))
        if pattern.takes_foreign_digits:
            users[0].append((source, index))
    return list(gates), users
