"""A NER model with random weights: small, quick, and as good as any where numbers are compared."""

import numpy as np

from sidecar.backends import ner_features
from sidecar.backends.ner_component import pack
from sidecar.backends.ner_features import FeatureTables, KeyTable, fingerprint
from sidecar.backends.ner_network import PHRASE_TAGS, SENTENCE_FLAGS, TAGS

WIDTH, UNITS, TOP, CONTEXT = 12, 7, 9, 4


def tables():
    """Return tables that know a few words."""

    def table(**entries):
        return KeyTable.build({fingerprint(word.replace("_", " ")): value for word, value in entries.items()})

    return FeatureTables(
        table(the=1, a=2, works=3),
        table(ada=0b1, lovelace=0b100, the=1 << 14, works=1 << 14, may=1 << 15 | 0b1, london=1 << 4),
        table(new_york=1, new_york_times=2),
        table(new=3),
    )


def weights(seed=0, scale=0.8):
    """Return random weights in the layout of the run-time network; forbidden moves are forbidden."""
    draw = np.random.default_rng(seed)

    def some(*shape):
        return (scale * draw.standard_normal(shape)).astype(np.float32)

    inputs = 6 + 4 * 3 + 5 + 4
    allowed = np.array([[_follows(before, after) for after in TAGS] for before in TAGS])
    return {
        "encoder.word": some(4, 6),
        "encoder.prefix": some(ner_features.PREFIXES, 3),
        "encoder.suffix": some(ner_features.SUFFIXES, 3),
        "encoder.ending": some(ner_features.ENDINGS, 3),
        "encoder.shape": some(ner_features.SHAPES, 3),
        "encoder.character": np.concatenate([np.zeros((1, 4), np.float32), some(ner_features.ALPHABET - 1, 4)]),
        "encoder.filter.weight": some(12, 5),
        "encoder.filter.bias": some(5),
        "encoder.bits.weight": some(ner_features.BITS, 4),
        "encoder.bits.bias": some(4),
        "encoder.out.weight": some(inputs, 2 * WIDTH),
        "encoder.out.bias": some(2 * WIDTH),
        "encoder.norm.weight": some(WIDTH),
        "encoder.norm.bias": some(WIDTH),
        "phrase": some(PHRASE_TAGS, CONTEXT),
        "flag": some(SENTENCE_FLAGS, CONTEXT),
        "lstm0.input": some(WIDTH + 2 * CONTEXT, 8 * UNITS),
        "lstm0.recurrent": some(2, UNITS, 4 * UNITS),
        "lstm0.bias": some(8 * UNITS),
        "hidden.weight": some(2 * UNITS, TOP),
        "hidden.token": some(WIDTH, TOP),
        "hidden.bias": some(TOP),
        "emit.weight": some(TOP, len(TAGS)),
        "emit.bias": some(len(TAGS)),
        "transition": np.where(allowed, some(len(TAGS), len(TAGS)), -1e4).astype(np.float32),
        "start": np.array([0 if tag[0] in "OBU" else -1e4 for tag in TAGS], np.float32),
        "end": np.array([0 if tag[0] in "OLU" else -1e4 for tag in TAGS], np.float32),
    }


def _follows(before, after):
    if before[0] in "OLU":
        return after[0] in "OBU"
    return after[0] in "IL" and after[1:] == before[1:]


def packed(seed=0):
    """Return a whole model in the form kept on disk."""
    return pack(weights(seed), tables())
