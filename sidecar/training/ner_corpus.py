"""Reads the annotated corpora at training time: tokens and tags; and what is left out for the evaluation.

The held-out part is `uner-ewt-dev`: UD English-EWT divides its documents into train, dev and test, so no document of
it has a sentence in training. The records of the corpus files are shuffled; another division would mix documents.
"""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any, NamedTuple

import spacy

from sidecar.backends.ner_component import SEQUENCE_LIMIT
from sidecar.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

HELD_OUT = "uner-ewt-dev"
# Programs teach a language model of prose nothing; tweets are in the annotated part already.
_UNLABELLED_WITHOUT = {"oss-code-A", "wnut17-tweets"}
_LONGEST_TEXT = 20_000
_LONGEST_SENTENCE = 100

# Annotation customs differ by source; the network is told which, and answers by those of web text.
WEB, TWEETS, WIKI, GENERATED = range(4)

_nlp = spacy.blank("en")


class Example(NamedTuple):
    """A sentence with one tag for each token."""

    tokens: list[str]
    tags: list[str]
    domain: int = WEB


def tokenise(text: str) -> list[str]:
    """Split a text as the pipeline does, white space left out."""
    return [token.text for token in _nlp.make_doc(text) if not token.is_space]


def annotate(text: str, spans: Sequence[tuple[int, int, str]], domain: int) -> Example:
    """Tokenise a text and tag the tokens that spans touch; a span that meets another is dropped."""
    doc = _nlp.make_doc(text)
    tags = ["O"] * len(doc)
    for start, end, entity in spans:
        put(tags, [t.i for t in doc if t.idx < end and t.idx + len(t) > start and not t.is_space], entity)
    words = [token.i for token in doc if not token.is_space]
    return Example([doc[i].text for i in words], [tags[i] for i in words], domain)


def put(tags: list[str], places: Sequence[int], entity: str) -> None:
    """Tag places, one after the other, as one entity, unless one of them has a tag."""
    if not places or any(tags[place] != "O" for place in places):
        return
    if len(places) == 1:
        tags[places[0]] = f"U-{entity}"
        return
    for place in places:
        tags[place] = f"I-{entity}"
    tags[places[0]], tags[places[-1]] = f"B-{entity}", f"L-{entity}"


def spans_of(tags: Sequence[str]) -> list[tuple[int, int, str]]:
    """Return (start, end, entity) in tokens."""
    spans, begin = [], 0
    for index, tag in enumerate(tags):
        if tag[0] in "BU":
            begin = index
        if tag[0] in "LU":
            spans.append((begin, index + 1, tag[2:]))
    return spans


def cut(example: Example) -> Example:
    """Shorten an example to what the network is trained on, an entity at the edge included."""
    tokens, tags = example.tokens[:_LONGEST_SENTENCE], example.tags[:_LONGEST_SENTENCE]
    if tags and tags[-1][0] in "BI":
        begin = max(index for index, tag in enumerate(tags) if tag[0] == "B")
        entity = tags[begin][2:]
        tags = tags[:begin] + ["O"] * (len(tags) - begin)
        put(tags, range(begin, len(tags)), entity)
    return Example(tokens, tags, example.domain)


def read(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of a corpus file.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            yield from map(json.loads, lines)
    except OSError as error:
        raise ConfigError(f"{path}: no such corpus ({error.strerror or error})") from None


def labelled(corpus: Path) -> dict[str, list[Example]]:
    """Return the annotated sentences of each source, the held-out one included."""
    examples: dict[str, list[Example]] = {}
    for record in read(corpus / "ner.jsonl.gz"):
        source = record["source"]
        spans = [(span["start"], span["end"], span["type"]) for span in record["spans"]]
        examples.setdefault(source, []).append(cut(annotate(record["text"], spans, _domain(source))))
    return examples


def _domain(source: str) -> int:
    return WEB if source.startswith("uner") else TWEETS if source.startswith("wnut") else WIKI


def unlabelled(corpus: Path) -> list[list[str]]:
    """Return the English prose of the benign texts, in sentences, each once; for the language model."""
    sentences: dict[str, list[str]] = {}
    for record in read(corpus / "injection.jsonl.gz"):
        if record.get("lang") == "en" and record["label"] == "benign" and record["source"] not in _UNLABELLED_WITHOUT:
            for sentence in _sentences(record["text"][:_LONGEST_TEXT]):
                sentences.setdefault(" ".join(sentence), sentence)
    return list(sentences.values())


def _sentences(text: str) -> Iterator[list[str]]:
    for line in text.split("\n"):
        sentence: list[str] = []
        for token in tokenise(line):
            sentence.append(token)
            if len(sentence) >= SEQUENCE_LIMIT or (token in {".", "!", "?"} and len(sentence) > 3):
                yield sentence
                sentence = []
        if len(sentence) > 2:
            yield sentence
