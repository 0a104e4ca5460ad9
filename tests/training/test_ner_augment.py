"""Generated and varied examples are well-formed, and the same for the same seed."""

import pytest

from sidecar.backends.ner_network import TAGS
from sidecar.training import ner_sentences
from sidecar.training.ner_augment import Augmenter
from sidecar.training.ner_corpus import Example, spans_of

NAMES = pytest.importorskip("sidecar.training.ner_sources", exc_type=ImportError, reason="needs the extra `training`")


@pytest.fixture(scope="module")
def sources():
    return NAMES.person_names(), NAMES.place_names()


@pytest.fixture(scope="module")
def augmenter(sources):
    return Augmenter(*sources, 0)


def well_formed(example):
    assert len(example.tokens) == len(example.tags)
    assert set(example.tags) <= set(TAGS)
    opened = None
    for tag in example.tags:
        assert (tag[0] in "IL") == (opened is not None)
        opened = tag[2:] if tag[0] in "BI" else None
    assert opened is None


def test_sentences_are_well_formed(sources):
    """Every template with every slot gives tokens and legal tags."""
    augmenter = Augmenter(*sources, 1)
    for _ in range(2000):
        well_formed(augmenter.sentence())


def test_same_seed_same_sentences(sources):
    """Training is reproducible."""
    first, second = (Augmenter(*sources, 7) for _ in range(2))

    assert [first.sentence() for _ in range(50)] == [second.sentence() for _ in range(50)]


@pytest.mark.parametrize(
    "template", ner_sentences.ENTITY_SENTENCES + ner_sentences.PLAIN_SENTENCES + ner_sentences.CODE_LINES
)
def test_slots_are_known(augmenter, template):
    """Every slot of every template can be filled, and plain sentences and code have no entity."""
    text, spans = augmenter._fill(template)

    assert text
    assert bool(spans) == (template in ner_sentences.ENTITY_SENTENCES)


def test_varying_keeps_entities(sources):
    """Swapped names are entities of the same type, in the same order, around the same words."""
    augmenter = Augmenter(*sources, 3)
    example = Example(
        ["Ada", "Lovelace", "left", "Rome", "for", "Acme"],
        ["B-PERSON", "L-PERSON", "O", "U-LOCATION", "O", "U-ORGANIZATION"],
    )
    seen = set()
    for _ in range(300):
        varied = augmenter.vary(example)
        well_formed(varied)
        seen.add(tuple(varied.tokens))
        rest = [token.lower() for token, tag in zip(varied.tokens, varied.tags, strict=True) if tag == "O"]
        assert rest == ["left", "for"]
        assert [entity for _, _, entity in spans_of(varied.tags)] == ["PERSON", "LOCATION", "ORGANIZATION"]

    assert len(seen) > 100
