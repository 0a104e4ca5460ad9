"""The spaCy component `portcullis_ner`: spaCy documents in, PERSON, LOCATION and ORGANIZATION out.

Importing this module registers the factory with spaCy; an installed package registers it by its entry point, so
`spacy.load(path)` works without this import there.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import spacy
from spacy.attrs import ORTH
from spacy.language import Language
from spacy.tokens import Doc, Span, SpanGroup
from threadpoolctl import threadpool_limits

from sidecar.backends.ner_features import FeatureTables, KeyTable, fingerprint, normalise_token
from sidecar.backends.ner_network import ENTITIES, SENTENCE_FLAGS, Mention, Network, Weights

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from spacy.vocab import Vocab

FACTORY = "portcullis_ner"
# Entities with their scores, beside `doc.ents`, which has no place for scores.
SPANS_KEY = "ner"

# A sequence is a sentence; one without end is cut here. Memory and the cost of padding grow with it.
SEQUENCE_LIMIT = 80
# Distinct tokens kept; at 24 MB for 192 floats each, an attacker's random words cannot grow it further.
TYPES_LIMIT = 32_768
_BATCH_DOCS = 64
# Tokens worked on at once; a long document is taken in pieces of this size, so its memory is bounded.
GROUP_LIMIT = 4096

_SPACE, _BREAK, _STOP, _LETTER, _CAPITAL, _CAPITALS = 1, 2, 4, 8, 16, 32
_UNLOADED = "[{}] has no weights: load the pipeline from its folder with spacy.load"
_TABLES = ("vocabulary", "gazetteer", "phrases", "starts")


@Language.factory(
    FACTORY,
    assigns=["doc.ents", "token.ent_iob", "token.ent_type"],
    default_config={"outside_bias": 0.0},
)
def make_component(nlp: Language, name: str, outside_bias: float) -> NamesComponent:
    """Create the component; its weights come with `from_disk`."""
    return NamesComponent(nlp.vocab, name, outside_bias=outside_bias)


class NamesComponent:
    """Sets `doc.ents`, and `doc.spans["ner"]` with scores in its `attrs["scores"]`.

    Args:
        vocab: of the pipeline.
        name: of the component in the pipeline.
        outside_bias: added to the score of "no entity"; negative buys recall with precision.
    """

    def __init__(self, vocab: Vocab, name: str = FACTORY, *, outside_bias: float = 0.0) -> None:
        self.vocab, self.name, self.outside_bias = vocab, name, outside_bias
        self._lock = threading.Lock()
        self._model: _Model | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """The entity types it can set."""
        return ENTITIES

    @property
    def tables(self) -> FeatureTables:
        """Vocabulary and gazetteers of the model that was loaded."""
        if self._model is None:
            raise ValueError(_UNLOADED.format(self.name))
        return self._model.tables

    def __call__(self, doc: Doc) -> Doc:
        """Find the entities of one document."""
        self._set(doc, self.find([doc])[0])
        return doc

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = _BATCH_DOCS) -> Iterator[Doc]:
        """Find the entities of documents, in batches; several times faster than one by one."""
        documents = iter(stream)
        while docs := list(itertools.islice(documents, batch_size)):
            for doc, mentions in zip(docs, self.find(docs), strict=True):
                self._set(doc, mentions)
                yield doc

    def find(self, docs: Sequence[Doc]) -> list[list[Mention]]:
        """Return the mentions of documents in their tokens, without touching the documents.

        Raises:
            ValueError: no weights were loaded.
        """
        if self._model is None:
            raise ValueError(_UNLOADED.format(self.name))
        # The cache of token vectors is shared; the network itself is not the bottleneck of a second thread.
        with self._lock:
            return self._model.find(docs)

    def _set(self, doc: Doc, mentions: Sequence[Mention]) -> None:
        spans = [Span(doc, mention.start, mention.end, label=mention.entity) for mention in mentions]
        doc.set_ents(spans)
        scores = np.array([mention.score for mention in mentions], dtype=np.float32)
        doc.spans[SPANS_KEY] = SpanGroup(doc, name=SPANS_KEY, spans=spans, attrs={"scores": scores})

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Write weights and tables.

        Raises:
            ValueError: there are none.
        """
        del exclude
        if self._model is None:
            raise ValueError(_UNLOADED.format(self.name))
        folder = Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(folder / "model.npz", allow_pickle=False, **self._model.packed)

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> NamesComponent:
        """Read what `to_disk` wrote."""
        del exclude
        with (Path(path) / "model.npz").open("rb") as file, np.load(file, allow_pickle=False) as archive:
            self.adopt({name: archive[name] for name in archive.files})
        return self

    def adopt(self, packed: dict[str, NDArray[Any]]) -> None:
        """Take weights and tables in the form that `pack` makes."""
        # For good: the matrices are small, and BLAS threads that wait for each other made a busy machine 20 times slower.
        threadpool_limits(1, user_api="blas")
        self._model = _Model(packed, self.outside_bias)


def pack(weights: dict[str, NDArray[np.float32]], tables: FeatureTables) -> dict[str, NDArray[Any]]:
    """Bring weights and tables to the form kept on disk: word vectors in 8 bits a number, the rest in 16."""
    packed: dict[str, NDArray[Any]] = {}
    for name, array in weights.items():
        if name == "encoder.word":
            scale = np.maximum(np.abs(array).max(axis=1), 1e-8) / 127
            packed[f"q.{name}"] = np.round(array / scale[:, None]).astype(np.int8)
            packed[f"s.{name}"] = scale.astype(np.float16)
        else:
            packed[f"w.{name}"] = array.astype(np.float16)
    for name in _TABLES:
        table: KeyTable = getattr(tables, name)
        packed[f"k.{name}"], packed[f"v.{name}"] = table.keys, table.values
    return packed


def _unpack(packed: dict[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
    weights = {name[2:]: array.astype(np.float32) for name, array in packed.items() if name.startswith("w.")}
    for name, array in packed.items():
        if name.startswith("q."):
            weights[name[2:]] = array.astype(np.float32) * packed[f"s.{name[2:]}"].astype(np.float32)[:, None]
    return weights


class _Model:
    """Network, tables, and the cache of token vectors; not thread-safe."""

    def __init__(self, packed: dict[str, NDArray[Any]], outside_bias: float) -> None:
        self.packed = packed
        self.tables = FeatureTables(*(KeyTable(packed[f"k.{name}"], packed[f"v.{name}"]) for name in _TABLES))
        self._network = Network(Weights(_unpack(packed)), outside_bias)
        self._forget()

    def _forget(self) -> None:
        self._rows: dict[int, int] = {}
        self._vectors = np.empty((1024, self._network.width), dtype=np.float32)
        self._marks = np.empty(1024, dtype=np.uint8)
        self._starts = np.empty(1024, dtype=np.uint8)

    def find(self, docs: Sequence[Doc]) -> list[list[Mention]]:
        """Return the mentions of documents, in their tokens."""
        found: list[list[Mention]] = [[] for _ in docs]
        for group in _groups(docs):
            orths = [docs[piece.number].to_array(ORTH).reshape(-1)[piece.start : piece.end] for piece in group]
            for piece, mentions in zip(group, self._find_group(orths, docs[0].vocab), strict=True):
                found[piece.number] += [
                    m._replace(start=m.start + piece.start, end=m.end + piece.start) for m in mentions
                ]
        return found

    def _find_group(self, pieces: list[NDArray[Any]], vocab: Vocab) -> list[list[Mention]]:
        orths = np.concatenate(pieces)
        rows = self._rows_of(orths.tolist(), vocab)
        first = np.concatenate([[0], np.cumsum([len(piece) for piece in pieces])])
        sequences = [
            sequence
            for begin, end in itertools.pairwise(first.tolist())
            for sequence in _sequences(self._marks[rows[begin:end]], begin)
        ]
        if not sequences:
            return [[] for _ in pieces]
        flat = np.concatenate(sequences)
        tokens = rows[flat]
        lengths = [len(sequence) for sequence in sequences]
        context = self._context(tokens, lengths, flat, orths, vocab)
        types, own = np.unique(tokens, return_inverse=True)
        found = self._network.tag(self._vectors[types], own, context, lengths)
        return _by_piece(sequences, found, first)

    def _rows_of(self, orths: list[int], vocab: Vocab) -> NDArray[np.int64]:
        """Return the cache row of each token; tokens not met before are encoded together."""
        rows = self._rows
        fresh = list({orth for orth in orths if orth not in rows})
        if len(rows) + len(fresh) > TYPES_LIMIT:
            self._forget()
            rows, fresh = self._rows, list(set(orths))
        if fresh:
            self._learn(fresh, [vocab.strings[orth] for orth in fresh])
        return np.array([rows[orth] for orth in orths], dtype=np.int64)

    def _learn(self, orths: list[int], texts: list[str]) -> None:
        begin, end = len(self._rows), len(self._rows) + len(orths)
        if end > len(self._marks):
            room = max(end, 2 * len(self._marks))
            self._vectors, self._marks, self._starts = (
                np.concatenate([array, np.empty((room - len(array), *array.shape[1:]), dtype=array.dtype)])
                for array in (self._vectors, self._marks, self._starts)
            )
        for low in range(0, len(texts), 512):
            part = slice(begin + low, begin + min(low + 512, len(texts)))
            self._vectors[part] = self._network.encode(self.tables.of(texts[low : low + 512]))
        self._marks[begin:end] = [mark(text) for text in texts]
        starts = self.tables.starts
        self._starts[begin:end] = [starts.get(fingerprint(normalise_token(text))) for text in texts]
        self._rows.update(zip(orths, range(begin, end), strict=True))

    def _context(
        self, tokens: NDArray[np.int64], lengths: list[int], flat: NDArray[np.int64], orths: NDArray[Any], vocab: Vocab
    ) -> NDArray[np.int64]:
        """Return, for each token, its phrase tag and its sentence's flag as one number."""
        ends = np.cumsum(lengths)
        phrases = np.zeros(len(tokens), dtype=np.int64)
        reach = self._starts[tokens]
        done = 0
        for index in np.flatnonzero(reach).tolist():
            if index < done:
                continue
            last = int(ends[np.searchsorted(ends, index, side="right")])
            stop = min(index + int(reach[index]), last)
            words = [normalise_token(vocab.strings[orth]) for orth in orths[flat[index:stop]].tolist()]
            done = self._match(words, index, phrases)
        flags = sentence_flags(self._marks[tokens], ends)
        return phrases * SENTENCE_FLAGS + np.repeat(flags, lengths)

    def _match(self, words: list[str], index: int, phrases: NDArray[np.int64]) -> int:
        """Mark the longest known phrase that begins at `index`; return where the next may begin."""
        for size in range(len(words), 1, -1):
            kind = self.tables.phrases.get(fingerprint(" ".join(words[:size])))
            if kind:
                phrases[index] = 2 * kind - 1
                phrases[index + 1 : index + size] = 2 * kind
                return index + size
        return index


def mark(text: str) -> int:
    """Return what sequences and sentence flags need to know of a token."""
    if text.isspace():
        return _SPACE | (_BREAK if "\n" in text else 0)
    mark = _STOP if text in {".", "!", "?"} else 0
    if text[0].isalpha():
        mark |= _LETTER | (_CAPITAL if text[0].isupper() else 0) | (_CAPITALS if text.isupper() else 0)
    return mark


def _sequences(marks: NDArray[np.uint8], offset: int) -> list[NDArray[np.int64]]:
    """Cut a document at line ends and sentence ends; white space is left out.

    Returns:
        For each sequence the indexes of its tokens, counted from `offset`.
    """
    cuts, begin = [], 0
    for index in np.flatnonzero(marks & (_BREAK | _STOP)).tolist():
        if marks[index] & _BREAK or index - begin >= 3:
            cuts.append(index + 1)
            begin = index + 1
    sequences = []
    for piece in np.split(np.arange(len(marks)), cuts):
        words = piece[(marks[piece] & _SPACE) == 0] + offset
        while len(words) > SEQUENCE_LIMIT:
            size = _soft_cut(marks[words[:SEQUENCE_LIMIT] - offset])
            sequences.append(words[:size])
            words = words[size:]
        if len(words):
            sequences.append(words)
    return sequences


def _soft_cut(marks: NDArray[np.uint8]) -> int:
    """Return where to cut a sentence without end: behind a token without capital, so that no name is cut in two."""
    plain = np.flatnonzero((marks & _CAPITAL) == 0)
    return int(plain[-1]) + 1 if len(plain) and plain[-1] >= len(marks) // 2 else len(marks)


def sentence_flags(marks: NDArray[np.uint8], ends: NDArray[np.int64]) -> NDArray[np.int64]:
    """Tell how sequences use capitals: 0 as usual, 1 none, 2 all of them, 3 on every word."""
    edges = np.concatenate([[0], ends[:-1]])
    letters, capital, capitals = (
        np.add.reduceat((marks & bit) > 0, edges, dtype=np.int64) for bit in (_LETTER, _CAPITAL, _CAPITALS)
    )
    return np.select(
        [letters == 0, capital == 0, capitals > 0.6 * letters, (capital > 0.7 * letters) & (letters > 2)],
        [0, 1, 2, 3],
        0,
    ).astype(np.int64)


def _by_piece(
    sequences: Sequence[NDArray[np.int64]], found: Sequence[Sequence[Mention]], first: NDArray[np.int64]
) -> list[list[Mention]]:
    """Carry mentions from sequences over to the pieces they were cut from."""
    pieces: list[list[Mention]] = [[] for _ in range(len(first) - 1)]
    for sequence, mentions in zip(sequences, found, strict=True):
        if not mentions:
            continue
        number = int(np.searchsorted(first, sequence[0], side="right")) - 1
        base = int(first[number])
        pieces[number] += [
            Mention(int(sequence[m.start]) - base, int(sequence[m.end - 1]) - base + 1, m.entity, m.score)
            for m in mentions
        ]
    return pieces


class _Piece(NamedTuple):
    """Tokens of one document."""

    number: int
    start: int
    end: int


def _groups(docs: Sequence[Doc]) -> Iterator[list[_Piece]]:
    """Yield pieces of documents that together have at most `GROUP_LIMIT` tokens."""
    group: list[_Piece] = []
    room = GROUP_LIMIT
    for number, doc in enumerate(docs):
        start = 0
        while start < len(doc):
            if group and len(doc) - start > room:
                yield group
                group, room = [], GROUP_LIMIT
            end = _piece_end(doc, start, start + room)
            group.append(_Piece(number, start, end))
            room -= end - start
            start = end
    if group:
        yield group


def _piece_end(doc: Doc, start: int, limit: int) -> int:
    """Return where a piece ends: with the document, else behind a sentence near `limit`, else at `limit`."""
    if limit >= len(doc):
        return len(doc)
    for index in range(limit, max(start, limit - 4 * SEQUENCE_LIMIT), -1):
        if mark(doc[index - 1].text) & (_BREAK | _STOP):
            return index
    return limit


def blank_pipeline(packed: dict[str, NDArray[Any]], *, outside_bias: float = 0.0) -> Language:
    """Return an English pipeline of tokenizer and this component, ready for `to_disk`."""
    nlp = spacy.blank("en")
    component = nlp.add_pipe(FACTORY, name="ner", config={"outside_bias": outside_bias})
    assert isinstance(component, NamesComponent)
    component.adopt(packed)
    return nlp
