"""Names, places and organisations in plain texts, by the model that ships or any other spaCy pipeline."""

from __future__ import annotations

import re
import threading
import zipfile
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import spacy

from sidecar.backends.ner_component import SPANS_KEY, NamesComponent
from sidecar.backends.ner_gate import NameGate
from sidecar.backends.ner_settings import SHIPPED_MODEL, NerSettings
from sidecar.backends.ner_windows import Window, windows
from sidecar.core.scan import Found
from sidecar.errors import ConfigError, RecognizerError

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

_BATCH_CHARACTERS = 200_000

_SURROGATE = re.compile("[\ud800-\udfff]")


class NerRecognizer:
    """Finds PERSON, LOCATION and ORGANIZATION; synchronous, one text or many at a time.

    Args:
        pipeline: a spaCy pipeline that sets `doc.ents`.
        settings: labels and scores.
    """

    def __init__(self, pipeline: Language, settings: NerSettings | None = None) -> None:
        self._settings = settings or NerSettings()
        self._pipeline = pipeline
        self._gate = _gate_of(pipeline) if self._settings.gate else None
        # spaCy's string store and memory zone belong to the pipeline, not to a thread.
        self._lock = threading.Lock()

    @classmethod
    def load(cls, settings: NerSettings | None = None) -> NerRecognizer:
        """Load a pipeline from disk; 0.2 s and 60 MB for the model that ships.

        Raises:
            ConfigError: there is no such model, or it cannot be read.
        """
        settings = settings or NerSettings()
        name = settings.model or str(SHIPPED_MODEL)
        try:
            return cls(spacy.load(name), settings)
        except (OSError, ValueError, KeyError, ImportError, zipfile.BadZipFile) as error:
            raise ConfigError(f"ner.model: {name} cannot be loaded ({type(error).__name__}: {error})") from error

    def could_hold_name(self, text: str) -> bool:
        """Tell whether the model has to read a text at all."""
        return self._gate is None or self._gate.passes(text)

    def find(self, texts: Sequence[str]) -> list[list[Found]]:
        """Find the entities of texts.

        Returns:
            For each text its findings in order, in code points.

        Raises:
            RecognizerError: the pipeline failed; nothing is known about any of the texts.
        """
        pieces = [
            window
            for number, text in enumerate(texts)
            if self.could_hold_name(text)
            for window in windows(number, _SURROGATE.sub("\ufffd", text))
        ]
        found: list[list[Found]] = [[] for _ in texts]
        try:
            for batch in _batches(pieces):
                for window, spans in zip(batch, self._read([w.text for w in batch]), strict=True):
                    found[window.number] += window.keep(spans)
        except Exception as error:  # noqa: BLE001 - any fault of a foreign pipeline means that the texts were not inspected
            raise RecognizerError(f"the NER pipeline failed: {type(error).__name__}") from None
        return found

    def _read(self, texts: list[str]) -> list[list[Found]]:
        with self._lock, self._pipeline.memory_zone():
            return [self._found(doc) for doc in self._pipeline.pipe(texts, batch_size=64)]

    def _found(self, doc: Doc) -> list[Found]:
        labels, least = self._settings.labels, self._settings.min_score
        scores = _scores_of(doc)
        found = []
        for span in doc.ents:
            entity = labels.get(span.label_)
            score = scores.get((span.start, span.end), self._settings.score)
            if entity and score >= least:
                found.append(Found(entity, span.start_char, span.end_char, round(float(score), 4)))
        return found


def _gate_of(pipeline: Language) -> NameGate | None:
    for _, component in pipeline.pipeline:
        if isinstance(component, NamesComponent):
            return NameGate(component.tables.gazetteer)
    return None


def _scores_of(doc: Doc) -> dict[tuple[int, int], float]:
    """Return the scores that our component, or any that follows spaCy's span categoriser, leaves beside its spans."""
    group = doc.spans.get(SPANS_KEY)
    if group is None or "scores" not in group.attrs:
        return {}
    return {(span.start, span.end): float(s) for span, s in zip(group, group.attrs["scores"], strict=True)}


def _batches(windows: Sequence[Window]) -> Iterator[list[Window]]:
    """Group windows, so that the documents of one batch are bounded."""
    batch: list[Window] = []
    room = _BATCH_CHARACTERS
    for window in windows:
        if batch and len(window.text) > room:
            yield batch
            batch, room = [], _BATCH_CHARACTERS
        batch.append(window)
        room -= len(window.text)
    if batch:
        yield batch
