"""The batched network agrees with a slow twin that works token by token and tries every tag sequence."""

import itertools

import numpy as np
import pytest

from sidecar.backends.ner_network import SENTENCE_FLAGS, TAGS, Network, Weights
from tests.backends import tiny_ner


def slow_lstm(inputs, recurrent):
    units = recurrent.shape[0]
    h = c = np.zeros(units)
    states = []
    for step in inputs:
        gates = step + h @ recurrent
        # The export halves the weights of the sigmoids, so that they are tanh.
        enter, forget, leave = (0.5 * np.tanh(part) + 0.5 for part in np.split(gates[: 3 * units], 3))
        c = forget * c + enter * np.tanh(gates[3 * units :])
        h = leave * np.tanh(c)
        states.append(h)
    return np.array(states)


def slow_scores(w, vectors, context):
    phrase, flag = np.divmod(context, SENTENCE_FLAGS)
    x = np.concatenate([vectors, w["phrase"][phrase], w["flag"][flag]], axis=1) @ w["lstm0.input"] + w["lstm0.bias"]
    half = x.shape[1] // 2
    ahead = slow_lstm(x[:, :half], w["lstm0.recurrent"][0])
    behind = slow_lstm(x[::-1, half:], w["lstm0.recurrent"][1])[::-1]
    top = np.concatenate([ahead, behind], axis=1) @ w["hidden.weight"] + vectors @ w["hidden.token"] + w["hidden.bias"]
    return np.maximum(top, 0) @ w["emit.weight"] + w["emit.bias"]


def legal_paths(length):
    for path in itertools.product(range(len(TAGS)), repeat=length):
        tags = [TAGS[index] for index in path]
        if tags[0][0] in "OBU" and tags[-1][0] in "OLU" and all(map(tiny_ner._follows, tags, tags[1:])):
            yield path


def best_path(w, scores):
    def total(path):
        return sum(scores[step, tag] for step, tag in enumerate(path)) + sum(
            w["transition"][before, after] for before, after in itertools.pairwise(path)
        )

    return max(legal_paths(len(scores)), key=total)


def mentions(path):
    found, begin = [], 0
    for index, tag in enumerate(TAGS[one] for one in path):
        if tag[0] in "BU":
            begin = index
        if tag[0] in "LU":
            found.append((begin, index + 1, tag[2:]))
    return found


@pytest.mark.parametrize("seed", range(6))
def test_same_as_the_slow_twin(seed):
    """Sequences of many lengths in one batch get the mentions that exhaustive search over naive scores gives."""
    draw = np.random.default_rng(seed)
    w = tiny_ner.weights(seed)
    types = draw.standard_normal((11, tiny_ner.WIDTH)).astype(np.float32)
    lengths = draw.integers(1, 5, size=30).tolist()
    tokens = draw.integers(0, len(types), size=sum(lengths))
    context = draw.integers(0, 20, size=sum(lengths))
    ends = np.cumsum(lengths)
    expected = [
        mentions(best_path(w, slow_scores(w, types[tokens[end - size : end]], context[end - size : end])))
        for size, end in zip(lengths, ends, strict=True)
    ]

    actual = Network(Weights(w)).tag(types, tokens, context, lengths)

    assert expected == [[(one.start, one.end, one.entity) for one in found] for found in actual]
    assert any(expected)


def test_scores_are_probabilities():
    """A mention's score is the least marginal probability of its entity over its tokens."""
    w = tiny_ner.weights(3)
    draw = np.random.default_rng(3)
    types = draw.standard_normal((4, tiny_ner.WIDTH)).astype(np.float32)
    scores = slow_scores(w, types, np.zeros(4, dtype=np.int64))
    paths = list(legal_paths(4))
    weight = np.array(
        [
            sum(scores[step, tag] for step, tag in enumerate(path))
            + sum(w["transition"][before, after] for before, after in itertools.pairwise(path))
            for path in paths
        ]
    )
    share = np.exp(weight - weight.max())
    share /= share.sum()

    found = Network(Weights(w)).tag(types, np.arange(4), np.zeros(4, dtype=np.int64), [4])[0]

    assert found
    for one in found:
        expected = min(
            sum(part for path, part in zip(paths, share, strict=True) if TAGS[path[step]][2:] == one.entity)
            for step in range(one.start, one.end)
        )
        assert pytest.approx(expected, abs=1e-4) == one.score


def test_bias_trades_recall_for_precision():
    """A large bias for "no entity" silences the network, a negative one makes it speak."""
    w = Weights(tiny_ner.weights(1))
    draw = np.random.default_rng(1)
    types = draw.standard_normal((50, tiny_ner.WIDTH)).astype(np.float32)
    run = (types, np.arange(50), np.zeros(50, dtype=np.int64), [10] * 5)
    counts = [sum(map(len, Network(w, bias).tag(*run))) for bias in (1e3, 0.0, -1e3)]

    assert counts[0] == 0
    assert sorted(counts) == counts
