"""The spaCy component: batches, pieces and caches never change what is found."""

import numpy as np
import pytest
import spacy

from sidecar.backends import ner_component
from sidecar.backends.ner_component import SEQUENCE_LIMIT, SPANS_KEY, blank_pipeline
from sidecar.training.ner_corpus import tokenise
from tests.backends import tiny_ner

TEXTS = [
    "",
    " \n\t ",
    "Ada Lovelace works in New York.",
    "The New York Times wrote about it.\nSo did Ada! And then?  \n\n  New York",
    "may i ask ada",
    "\U0001f600 Ada \u0644\u0646\u062f\u0646 e\u0301tude",
    "word " * 300,
    "Name " * 300,
]


@pytest.fixture(scope="module")
def pipeline():
    return blank_pipeline(tiny_ner.packed())


def spans(doc):
    return [(span.start, span.end, span.label_) for span in doc.ents]


def test_batches_do_not_matter(pipeline):
    """One by one and all together find the same."""
    expected = [spans(pipeline(text)) for text in TEXTS]

    assert expected == [spans(doc) for doc in pipeline.pipe(TEXTS, batch_size=3)]
    assert any(expected)


def test_written_and_read_back(pipeline, tmp_path):
    """`spacy.load` of what `to_disk` wrote finds the same, with the same scores."""
    pipeline.to_disk(tmp_path / "model")
    loaded = spacy.load(tmp_path / "model")

    assert [spans(pipeline(text)) for text in TEXTS] == [spans(loaded(text)) for text in TEXTS]
    scores = [doc.spans[SPANS_KEY].attrs["scores"].tolist() for doc in map(loaded, TEXTS)]
    assert [doc.spans[SPANS_KEY].attrs["scores"].tolist() for doc in map(pipeline, TEXTS)] == scores


def test_small_pieces_find_what_large_ones_find(pipeline, monkeypatch):
    """A document taken in pieces has the entities it has as a whole, as sentences are not cut."""
    text = "Ada works here. The New York Times wrote about Ada. " * 50
    expected = spans(pipeline(text))
    monkeypatch.setattr(ner_component, "GROUP_LIMIT", 60)

    assert expected == spans(pipeline(text))
    assert len(expected) > 50


def test_forgetting_does_not_matter(monkeypatch):
    """A cache that overflows again and again changes nothing."""
    expected = [spans(doc) for doc in blank_pipeline(tiny_ner.packed()).pipe(TEXTS)]
    monkeypatch.setattr(ner_component, "TYPES_LIMIT", 5)
    pipeline = blank_pipeline(tiny_ner.packed())

    assert expected == [spans(pipeline(text)) for text in TEXTS]


def test_sequences_cover_all_words_once(pipeline):
    """Every token that is no white space is in exactly one sequence, in order; none is too long."""
    for text in TEXTS:
        doc = pipeline.make_doc(text)
        marks = np.array([ner_component.mark(token.text) for token in doc], dtype=np.uint8)
        sequences = ner_component._sequences(marks, 0)
        flat = [index for sequence in sequences for index in sequence.tolist()]

        assert [token.i for token in doc if not token.is_space] == flat
        assert max(map(len, sequences), default=0) <= SEQUENCE_LIMIT


def test_long_sentence_is_cut_behind_a_small_word(pipeline):
    """No run of capitals is cut in two where a better place is near."""
    doc = pipeline.make_doc("and " * 76 + "Ada King Countess of Lovelace " + "and " * 50)
    marks = np.array([ner_component.mark(token.text) for token in doc], dtype=np.uint8)
    first = ner_component._sequences(marks, 0)[0]

    assert doc[int(first[-1])].text == "of"


def test_no_weights_is_an_error():
    """A pipeline without weights says so instead of finding nothing."""
    pipeline = spacy.blank("en")
    pipeline.add_pipe(ner_component.FACTORY)

    with pytest.raises(ValueError, match="has no weights"):
        pipeline("Ada")


def test_tokens_as_in_training(pipeline):
    """The tokens that training sees are those of the pipeline, white space left out."""
    for text in TEXTS:
        assert tokenise(text) == [token.text for token in pipeline.make_doc(text) if not token.is_space]
