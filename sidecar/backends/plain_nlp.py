"""The words around an entity, for Presidio's context enhancement, without a language model.

Presidio counts the last five words before an entity that are neither stop words nor punctuation, and raises the score
where one of them contains a context word. It asks an NLP engine for tokens and lemmas. The policy `default` has no
model, so its engine is this one: words as they are, in lower case, and spaCy's own stop words, read without spaCy.
The same class serves as `nlp_engine` of a plain `AnalyzerEngine`: that is the engine we promise to be equal to.
"""

from __future__ import annotations

import importlib.util
import re
import unicodedata
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

# A word with what joins it (addresses, hyphens, apostrophes), another sign, or white space that is more than one blank;
# a blank at the end counts, so that every place has a token.
_TOKEN = re.compile(r"\w+(?:[.@'’+\-]+\w+)*|[^\w\s]|\s\s+|[^\S ]| \Z")  # noqa: RUF001 - typographic apostrophe


class PlainNlpEngine:
    """Tokens without a model, in the shape of Presidio's `NlpEngine`.

    Args:
        languages: codes whose stop words are known to spaCy; others have none.
    """

    def __init__(self, languages: tuple[str, ...] = ("en",)) -> None:
        self._stop_words = {language: stop_words(language) for language in languages}

    def load(self) -> None:
        """Do nothing: there is no model."""

    def is_loaded(self) -> bool:
        """Answer yes: there is no model."""
        return True

    def process_text(self, text: str, language: str) -> PlainArtifacts:
        """Return the artifacts of a text."""
        return PlainArtifacts(text, self, language)

    def is_stopword(self, word: str, language: str) -> bool:
        """Tell whether a word carries no meaning of its own."""
        return word.isspace() or word.lower() in self._stop_words.get(language, ())

    def is_punct(self, word: str, language: str) -> bool:
        """Tell whether a word is punctuation."""
        del language
        return all(unicodedata.category(character)[0] == "P" for character in word)

    def get_supported_entities(self) -> list[str]:
        """Return nothing: there is no model."""
        return []

    def get_supported_languages(self) -> list[str]:
        """Return the languages it was made for."""
        return list(self._stop_words)


class PlainArtifacts:
    """Presidio's `NlpArtifacts`, worked out only when the context of an entity is asked for.

    Args:
        text: the text.
        nlp_engine: tells stop words and punctuation.
        language: of the text.
    """

    def __init__(self, text: str, nlp_engine: PlainNlpEngine, language: str) -> None:
        self._text = text
        self.nlp_engine = nlp_engine
        self.language = language
        self.entities: list[Any] = []
        self.scores: list[float] = []

    @cached_property
    def _found(self) -> list[re.Match[str]]:
        return list(_TOKEN.finditer(self._text))

    @cached_property
    def tokens(self) -> list[str]:
        """The words and signs of the text."""
        return [found[0] for found in self._found]

    @cached_property
    def tokens_indices(self) -> list[int]:
        """Where each token begins."""
        return [found.start() for found in self._found]

    @property
    def lemmas(self) -> list[str]:
        """The tokens: without a model, a word is its own lemma."""
        return self.tokens

    @cached_property
    def keywords(self) -> _Keywords:
        """The words that may be context."""
        return _Keywords(self.nlp_engine, self.language)


class _Keywords(dict[str, bool]):
    """Presidio's list of keywords, which it only asks whether a word of the text is one; answers are kept."""

    def __init__(self, engine: PlainNlpEngine, language: str) -> None:
        super().__init__()
        self._engine = engine
        self._language = language

    def __contains__(self, word: object) -> bool:
        return self[word]  # type: ignore[index]

    def __missing__(self, word: str) -> bool:
        engine, language = self._engine, self._language
        known = word != "be" and not engine.is_stopword(word, language) and not engine.is_punct(word, language)
        self[word] = known
        return known


@lru_cache(maxsize=64)
def stop_words(language: str) -> frozenset[str]:
    """Return spaCy's stop words of a language without importing spaCy; empty where it has none."""
    package = importlib.util.find_spec("spacy")
    folders = package.submodule_search_locations if package else None
    path = Path(folders[0], "lang", language, "stop_words.py") if folders and language.isalpha() else None
    if path is None or not path.is_file():
        return frozenset()
    names: dict[str, Any] = {}
    exec(compile(path.read_text("utf-8"), str(path), "exec"), names)  # noqa: S102 - spaCy's own file of words
    return frozenset(names["STOP_WORDS"])
