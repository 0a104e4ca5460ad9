"""The NER network at run time, in numpy alone: token encoder, bidirectional LSTM, conditional random field.

Weights are trained in `sidecar.training.ner`; a differential test holds this file to the network that was trained.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from sidecar.backends.ner_features import TypeFeatures

    Floats = NDArray[np.float32]

ENTITIES = ("PERSON", "LOCATION", "ORGANIZATION")
# Outside; then begin, inside, last and unit of each entity.
TAGS = ("O", *(f"{place}-{entity}" for entity in ENTITIES for place in "BILU"))
PHRASE_TAGS = 5
SENTENCE_FLAGS = 4

# Scratch memory stays in the second-level cache, and a batch's padding stays small.
_BATCH_TOKENS = 1024


class Mention(NamedTuple):
    """An entity in tokens of one sequence."""

    start: int
    end: int
    entity: str
    score: float


class Weights:
    """Trained parameters, checked for presence and shape when used.

    Args:
        arrays: by the names that training gave them.
    """

    def __init__(self, arrays: Mapping[str, Floats]) -> None:
        self._arrays = arrays

    def __getitem__(self, name: str) -> Floats:
        return self._arrays[name]

    @property
    def layers(self) -> int:
        """How many LSTM layers there are."""
        return sum(name.startswith("lstm") and name.endswith(".recurrent") for name in self._arrays)


class Network:
    """Scores tag sequences and reads the best one off; stateless, so threads may share it.

    Args:
        weights: trained parameters.
        outside_bias: added to the score of "no entity"; negative buys recall with precision.
    """

    def __init__(self, weights: Weights, outside_bias: float = 0.0) -> None:
        self._w = weights
        self.width = len(weights["encoder.norm.weight"])
        first = weights["lstm0.input"]
        self._token_input = np.ascontiguousarray(first[: self.width])
        # Phrase tag and sentence flag enter the first layer as one of twenty constant rows.
        context = np.concatenate(
            [
                np.repeat(weights["phrase"], SENTENCE_FLAGS, axis=0),
                np.tile(weights["flag"], (PHRASE_TAGS, 1)),
            ],
            axis=1,
        )
        self._context_input = context @ first[self.width :] + weights["lstm0.bias"]
        self._emit_bias = weights["emit.bias"].copy()
        self._emit_bias[0] += outside_bias

    def encode(self, features: TypeFeatures) -> Floats:
        """Return one vector of `width` for each token type."""
        w = self._w
        ids = features.ids
        parts = [w[f"encoder.{name}"][ids[:, column]] for column, name in enumerate(_LOOKUPS)]
        parts.append(self._characters(features.characters))
        parts.append(np.maximum(features.bits @ w["encoder.bits.weight"] + w["encoder.bits.bias"], 0))
        x = np.concatenate(parts, axis=1) @ w["encoder.out.weight"] + w["encoder.out.bias"]
        x = np.maximum(x[:, : self.width], x[:, self.width :])
        x = (x - x.mean(axis=1, keepdims=True)) / np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)
        return np.asarray(x * w["encoder.norm.weight"] + w["encoder.norm.bias"], dtype=np.float32)

    def _characters(self, characters: NDArray[np.int64]) -> Floats:
        """Convolve over three characters and keep each filter's maximum over the real ones."""
        w = self._w
        embedded = np.pad(w["encoder.character"][characters], ((0, 0), (1, 1), (0, 0)))
        windows = np.concatenate([embedded[:, :-2], embedded[:, 1:-1], embedded[:, 2:]], axis=2)
        filtered = windows @ w["encoder.filter.weight"] + w["encoder.filter.bias"]
        filtered[characters == 0] = 0  # what follows is clipped at 0 anyway
        return np.asarray(np.maximum(filtered.max(axis=1), 0), dtype=np.float32)

    def tag(
        self, types: Floats, tokens: NDArray[np.int64], context: NDArray[np.int64], lengths: Sequence[int]
    ) -> list[list[Mention]]:
        """Find the entities of sequences.

        Args:
            types: vectors of the distinct tokens.
            tokens: row in `types` of all tokens of all sequences, one sequence after the other.
            context: for each token, phrase tag times `SENTENCE_FLAGS` plus sentence flag.
            lengths: of the sequences, in tokens, none 0.

        Returns:
            One list of mentions for each sequence, in order.
        """
        w = self._w
        # Half of all tokens are repeats, so what depends on the token alone is multiplied once per type.
        known = _Known(tokens, context, types @ self._token_input, types @ w["hidden.token"])
        starts = np.concatenate([[0], np.cumsum(lengths)])
        found: list[list[Mention]] = [[] for _ in lengths]
        order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
        while order:
            longest = lengths[order[0]]
            batch, order = _split(order, max(1, _BATCH_TOKENS // longest))
            layout = Layout(np.array([lengths[index] for index in batch]), starts[batch])
            for index, mentions in zip(batch, self._decode(self._scores(known, layout), layout), strict=True):
                found[index] = mentions
        return found

    def _scores(self, known: _Known, layout: Layout) -> Floats:
        """Return scores (step, sequence, tag)."""
        w = self._w
        own = known.tokens[layout.forward]
        projected = known.inputs[own]
        projected += self._context_input[known.context[layout.forward]]
        hidden = _lstm(projected, w["lstm0.recurrent"], layout)
        for layer in range(1, w.layers):
            projected = _times(hidden, w[f"lstm{layer}.input"])
            projected += w[f"lstm{layer}.bias"]
            hidden = _lstm(projected, w[f"lstm{layer}.recurrent"], layout)
        top = _times(hidden, w["hidden.weight"])
        top += known.hidden[own]
        top += w["hidden.bias"]
        np.maximum(top, 0, out=top)
        return _times(top, w["emit.weight"]) + self._emit_bias

    def _decode(self, scores: Floats, layout: Layout) -> list[list[Mention]]:
        paths = _viterbi(scores, self._w["transition"], self._w["start"], self._w["end"], layout)
        some = [column for column in range(len(layout.sizes)) if paths[: layout.sizes[column], column].any()]
        found: list[list[Mention]] = [[] for _ in layout.sizes]
        if some:
            chosen = Layout(layout.sizes[some], layout.starts[some])
            certain = _marginals(scores[:, some], self._w["transition"], self._w["start"], self._w["end"], chosen)
            for place, column in enumerate(some):
                found[column] = _mentions(paths[: layout.sizes[column], column].tolist(), certain[:, place])
        return found


class _Known(NamedTuple):
    """What a batch shares: tokens, their contexts, and the products of their types with the weights."""

    tokens: NDArray[np.int64]
    context: NDArray[np.int64]
    inputs: Floats
    hidden: Floats


def _times(left: Floats, right: Floats) -> Floats:
    """Multiply (step, sequence, in) by (in, out) as one product; numpy would make one small one for each step."""
    steps, columns, width = left.shape
    product = left.reshape(steps * columns, width) @ right
    return np.asarray(product.reshape(steps, columns, -1), dtype=np.float32)


_LOOKUPS = ("word", "prefix", "suffix", "ending", "shape")


def _split(order: list[int], count: int) -> tuple[list[int], list[int]]:
    return order[:count], order[count:]


class Layout:
    """Where the tokens of a batch lie: sequences in columns, longest first.

    Args:
        sizes: lengths of the sequences, descending.
        starts: index of the first token of each in the flat arrays.
    """

    def __init__(self, sizes: NDArray[np.int64], starts: NDArray[np.int64]) -> None:
        self.sizes, self.starts = sizes, starts
        self.steps = int(sizes[0])
        step = np.arange(self.steps)[:, None]
        inside = step < sizes
        # (step, sequence) to flat token; places past an end point at the last token and are never read.
        self.forward = starts + np.minimum(step, sizes - 1)
        self.mirror = np.where(inside, sizes - 1 - step, step)
        self.columns = np.arange(len(sizes))
        self.active = inside.sum(axis=1).tolist()


def _lstm(projected: Floats, recurrent: Floats, layout: Layout) -> Floats:
    """Run both directions at once; `projected` is (step, sequence, 2 x 4 x units), gates input, forget, output, cell."""
    steps, columns, wide = projected.shape
    units = wide // 8
    inputs = np.empty((steps, 2, columns, 4 * units), dtype=np.float32)
    inputs[:, 0] = projected[..., : 4 * units]
    inputs[:, 1] = projected[layout.mirror, layout.columns, 4 * units :]
    hidden = np.zeros((steps, 2, columns, units), dtype=np.float32)
    h = np.zeros((2, columns, units), dtype=np.float32)
    c = np.zeros((2, columns, units), dtype=np.float32)
    for step, active in enumerate(layout.active):
        h, c = h[:, :active], c[:, :active]
        gates = np.matmul(h, recurrent)
        gates += inputs[step, :, :active]
        # The three sigmoids are tanh of half their argument; training's export halves those weights.
        np.tanh(gates, out=gates)
        sigmoid = gates[..., : 3 * units]
        sigmoid *= 0.5
        sigmoid += 0.5
        c = c * sigmoid[..., units : 2 * units]
        c += sigmoid[..., :units] * gates[..., 3 * units :]
        h = np.tanh(c)
        h *= sigmoid[..., 2 * units :]
        hidden[step, :, :active] = h
    backward = hidden[:, 1][layout.mirror, layout.columns]
    return np.concatenate([hidden[:, 0], backward], axis=2)


def _viterbi(scores: Floats, transition: Floats, start: Floats, end: Floats, layout: Layout) -> NDArray[np.int64]:
    """Return the best tag of every place, (step, sequence)."""
    best = scores[0] + start
    back = np.zeros(scores.shape, dtype=np.int64)
    final = np.empty_like(best)
    for step in range(1, layout.steps):
        active = layout.active[step]
        final[active : len(best)] = best[active:]
        through = best[:active, :, None] + transition
        back[step, :active] = through.argmax(axis=1)
        best = through.max(axis=1) + scores[step, :active]
    final[: len(best)] = best
    tag = (final + end).argmax(axis=1)
    path = np.zeros(scores.shape[:2], dtype=np.int64)
    for step in range(layout.steps - 1, -1, -1):
        active = layout.active[step]
        path[step, :active] = tag[:active]
        if step:
            tag[:active] = back[step, layout.columns[:active], tag[:active]]
    return path


def _marginals(scores: Floats, transition: Floats, start: Floats, end: Floats, layout: Layout) -> Floats:
    """Return the probability of every tag at every place, (step, sequence, tag)."""
    step_weight = np.exp(scores - scores.max(axis=2, keepdims=True))
    moves, last = np.exp(transition), np.exp(end)
    ahead = np.zeros_like(step_weight)
    ahead[0] = _unit(step_weight[0] * np.exp(start))
    for step in range(1, layout.steps):
        active = layout.active[step]
        ahead[step, :active] = _unit(ahead[step - 1, :active] @ moves * step_weight[step, :active])
    behind = np.broadcast_to(last, step_weight.shape[1:]).copy()
    both: Floats = np.zeros_like(step_weight)
    for step in range(layout.steps - 1, -1, -1):
        active = layout.active[step]
        both[step, :active] = _unit(ahead[step, :active] * behind[:active])
        behind[:active] = _unit((behind[:active] * step_weight[step, :active]) @ moves.T)
    return both


def _unit(weights: Floats) -> Floats:
    return np.asarray(weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-30), dtype=np.float32)


def _mentions(path: list[int], certain: Floats) -> list[Mention]:
    """Read entities off a tag path; the score is the least probability of the entity over its tokens."""
    found, begin = [], 0
    for index, tag in enumerate(path):
        if tag == 0:
            continue
        kind, place = divmod(tag - 1, 4)
        if place in (0, 3):
            begin = index
        if place in (2, 3):
            score = certain[begin : index + 1, 1 + 4 * kind : 5 + 4 * kind].sum(axis=1).min()
            found.append(Mention(begin, index + 1, ENTITIES[kind], float(min(score, 1.0))))
    return found
