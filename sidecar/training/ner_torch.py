"""The NER network while it is trained, in PyTorch; `export` turns it into what `sidecar.backends.ner_network` runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from sidecar.backends import ner_features
from sidecar.backends.ner_component import mark, sentence_flags
from sidecar.backends.ner_features import fingerprint, normalise_token
from sidecar.backends.ner_network import PHRASE_TAGS, SENTENCE_FLAGS, TAGS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from sidecar.backends.ner_features import FeatureTables, TypeFeatures

WORD, AFFIX, CHARACTER, FILTERS, BIT, CONTEXT, TOP = 96, 16, 32, 64, 48, 8, 128
DOMAINS = 4
_FORBIDDEN = -1e4


class Rates(NamedTuple):
    """Dropout: of the token encoder's parts, and of the layers above."""

    encoder: float = 0.4
    layers: float = 0.6


class Encoder(nn.Module):
    """One vector for each token type, from all that its letters and the tables say."""

    def __init__(self, vocabulary: int, width: int, dropout: float) -> None:
        super().__init__()
        sizes = (ner_features.PREFIXES, ner_features.SUFFIXES, ner_features.ENDINGS, ner_features.SHAPES)
        self.word = nn.Embedding(vocabulary + 1, WORD)
        self.affixes = nn.ModuleList(nn.Embedding(size, AFFIX) for size in sizes)
        self.character = nn.Embedding(ner_features.ALPHABET, CHARACTER, padding_idx=0)
        self.filter = nn.Conv1d(CHARACTER, FILTERS, 3, padding=1)
        self.bits = nn.Linear(ner_features.BITS, BIT)
        self.out = nn.Linear(WORD + len(sizes) * AFFIX + FILTERS + BIT, 2 * width)
        self.norm = nn.LayerNorm(width)
        self.width, self.dropout = width, dropout
        for table in (self.word, *self.affixes):
            nn.init.normal_(table.weight, std=0.1)
        nn.init.normal_(self.character.weight, std=0.3)

    def forward(self, ids: torch.Tensor, characters: torch.Tensor, bits: torch.Tensor) -> torch.Tensor:
        """Encode token types."""
        filtered = self.filter(self.character(characters).transpose(1, 2))
        filtered = filtered.masked_fill((characters == 0)[:, None], _FORBIDDEN).amax(2).relu()
        affixes = [table(ids[:, column]) for column, table in enumerate(self.affixes, 1)]
        parts = torch.cat([self.word(ids[:, 0]), *affixes, filtered, self.bits(bits).relu()], 1)
        x = self.out(functional.dropout(parts, self.dropout, self.training))
        normed: torch.Tensor = self.norm(torch.maximum(x[:, : self.width], x[:, self.width :]))
        return normed


class Batch(NamedTuple):
    """Sentences padded to one length, and the features of their token types."""

    ids: torch.Tensor
    characters: torch.Tensor
    bits: torch.Tensor
    tokens: torch.Tensor  # (sentence, step): row of the token's type
    phrases: torch.Tensor
    flags: torch.Tensor  # (sentence,)
    lengths: torch.Tensor
    domains: torch.Tensor
    mask: torch.Tensor


class Tagger(nn.Module):
    """Encoder, a forward and a backward LSTM, and a conditional random field over BILUO tags."""

    def __init__(self, vocabulary: int, *, width: int = 192, units: int = 160, rates: Rates | None = None) -> None:
        super().__init__()
        rates = rates or Rates()
        self.encoder = Encoder(vocabulary, width, rates.encoder)
        self.phrase = nn.Embedding(PHRASE_TAGS, CONTEXT)
        self.flag = nn.Embedding(SENTENCE_FLAGS, CONTEXT)
        self.domain = nn.Embedding(DOMAINS, CONTEXT)
        self.ahead = nn.LSTM(width + 2 * CONTEXT, units, batch_first=True)
        self.behind = nn.LSTM(width + 2 * CONTEXT, units, batch_first=True)
        self.hidden = nn.Linear(2 * units + width, TOP)
        self.emit = nn.Linear(TOP, len(TAGS))
        self.domain_bias = nn.Embedding(DOMAINS, len(TAGS))
        nn.init.zeros_(self.domain_bias.weight)
        self.transition = nn.Parameter(torch.zeros(len(TAGS), len(TAGS)))
        self.start = nn.Parameter(torch.zeros(len(TAGS)))
        self.end = nn.Parameter(torch.zeros(len(TAGS)))
        for name, allowed in zip(("moves", "starts", "ends"), _allowed(), strict=True):
            self.register_buffer(name, torch.tensor(np.where(allowed, 0.0, _FORBIDDEN), dtype=torch.float))
        self.dropout = rates.layers

    def context(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return token vectors and the states of both LSTMs; the language model reads them, too."""
        own = self.encoder(batch.ids, batch.characters, batch.bits)[batch.tokens]
        sentence = (self.flag(batch.flags) + self.domain(batch.domains))[:, None].expand(-1, own.shape[1], -1)
        x = torch.cat([own, self.phrase(batch.phrases), sentence], 2)
        if self.training:
            keep = 1 - self.dropout / 2
            x = x * torch.empty(x.shape[0], 1, x.shape[2]).bernoulli_(keep) / keep
        ahead, _ = self.ahead(x)
        behind, _ = self.behind(_mirrored(x, batch.lengths))
        return own, ahead, _mirrored(behind, batch.lengths)

    def forward(self, batch: Batch) -> torch.Tensor:
        """Return the scores of all tags, (sentence, step, tag)."""
        own, ahead, behind = self.context(batch)
        states = functional.dropout(torch.cat([ahead, behind], 2), self.dropout, self.training)
        top = self.hidden(torch.cat([states, own], 2)).relu()
        scores: torch.Tensor = self.emit(functional.dropout(top, self.dropout / 2, self.training))
        return scores + self.domain_bias(batch.domains)[:, None]

    def loss(self, scores: torch.Tensor, tags: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Return each sentence's negative log-likelihood of its tags."""
        moves, start, end = self.transition + self.moves, self.start + self.starts, self.end + self.ends
        rows = torch.arange(len(tags))
        total = scores[:, 0] + start
        own = total.gather(1, tags[:, :1]).squeeze(1)
        for step in range(1, scores.shape[1]):
            through = torch.logsumexp(total[:, :, None] + moves, 1) + scores[:, step]
            total = torch.where(mask[:, step, None], through, total)
            gain = moves[tags[:, step - 1], tags[:, step]] + scores[rows, step, tags[:, step]]
            own = own + gain * mask[:, step]
        last = tags[rows, mask.sum(1) - 1]
        return torch.logsumexp(total + end, 1) - own - end[last]


def _allowed() -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which tag may follow which, which may begin, and which may end a sentence."""
    closed = [tag[0] in "OLU" for tag in TAGS]
    opening = [tag[0] in "OBU" for tag in TAGS]
    moves = [
        [
            opening[after] if closed[before] else TAGS[after][0] in "IL" and TAGS[before][1:] == TAGS[after][1:]
            for after in range(len(TAGS))
        ]
        for before in range(len(TAGS))
    ]
    return np.array(moves), np.array(opening), np.array(closed)


def _mirrored(x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """Turn each sentence round, its padding left where it is."""
    step = torch.arange(x.shape[1])[None]
    turned = torch.where(step < lengths[:, None], lengths[:, None] - 1 - step, step)
    return x.gather(1, turned[:, :, None].expand(-1, -1, x.shape[2]))


class Batcher:
    """Turns sentences into batches; the features of token types are worked out once.

    Args:
        tables: vocabulary and gazetteers.
    """

    def __init__(self, tables: FeatureTables) -> None:
        self._tables = tables
        self._cache: dict[str, TypeFeatures] = {}

    def __call__(
        self,
        sentences: Sequence[Sequence[str]],
        domains: Sequence[int] | None = None,
        hide: Callable[[NDArray[np.int64]], NDArray[np.bool_]] | None = None,
    ) -> Batch:
        """Make a batch; `hide` tells, for the vocabulary rows of its types, which to take for unknown words."""
        lengths = [len(sentence) for sentence in sentences]
        types: dict[str, int] = {}
        tokens = np.zeros((len(sentences), max(lengths)), dtype=np.int64)
        phrases = np.zeros_like(tokens)
        for row, sentence in enumerate(sentences):
            tokens[row, : len(sentence)] = [types.setdefault(token, len(types)) for token in sentence]
            phrases[row, : len(sentence)] = phrase_tags(sentence, self._tables)
        marks = np.array([mark(token) for sentence in sentences for token in sentence], dtype=np.uint8)
        flags = sentence_flags(marks, np.cumsum(lengths))
        features = [self._of(token) for token in types]
        ids = np.concatenate([each.ids for each in features])
        if hide is not None:
            ids[hide(ids[:, 0]), 0] = 0
        return Batch(
            torch.from_numpy(ids),
            torch.from_numpy(np.concatenate([each.characters for each in features])),
            torch.from_numpy(np.concatenate([each.bits for each in features])),
            torch.from_numpy(tokens),
            torch.from_numpy(phrases),
            torch.from_numpy(flags),
            torch.tensor(lengths),
            torch.tensor(domains if domains is not None else [0] * len(lengths)),
            torch.arange(max(lengths))[None] < torch.tensor(lengths)[:, None],
        )

    def _of(self, token: str) -> TypeFeatures:
        features = self._cache.get(token)
        if features is None:
            features = self._cache[token] = self._tables.of([token])
        return features


def phrase_tags(tokens: Sequence[str], tables: FeatureTables) -> list[int]:
    """Mark known phrases: the slow twin of what the component does for a whole group at once."""
    words = [normalise_token(token) for token in tokens]
    tags = [0] * len(words)
    index = 0
    while index < len(words):
        longest = min(tables.starts.get(fingerprint(words[index])), len(words) - index)
        for size in range(longest, 1, -1):
            kind = tables.phrases.get(fingerprint(" ".join(words[index : index + size])))
            if kind:
                tags[index : index + size] = [2 * kind - 1] + [2 * kind] * (size - 1)
                index += size - 1
                break
        index += 1
    return tags


def export(tagger: Tagger, *, domain: int = 0) -> dict[str, NDArray[np.float32]]:
    """Return the weights under the names, and in the layout, that the run-time network takes.

    Args:
        tagger: what was trained.
        domain: whose annotation customs the network follows from now on.
    """
    state: dict[str, NDArray[np.float32]] = {
        name: tensor.detach().numpy().astype(np.float32) for name, tensor in tagger.state_dict().items()
    }
    width = tagger.encoder.width
    weights: dict[str, Any] = {
        "encoder.word": state["encoder.word.weight"],
        "encoder.character": state["encoder.character.weight"],
        "encoder.filter.weight": state["encoder.filter.weight"].transpose(2, 1, 0).reshape(-1, FILTERS),
        "encoder.filter.bias": state["encoder.filter.bias"],
        "encoder.norm.weight": state["encoder.norm.weight"],
        "encoder.norm.bias": state["encoder.norm.bias"],
        "phrase": state["phrase.weight"],
        "flag": state["flag.weight"] + state["domain.weight"][domain],
        "hidden.weight": state["hidden.weight"].T[:-width],
        "hidden.token": state["hidden.weight"].T[-width:],
        "hidden.bias": state["hidden.bias"],
        "emit.weight": state["emit.weight"].T,
        "emit.bias": state["emit.bias"] + state["domain_bias.weight"][domain],
        "transition": state["transition"] + state["moves"],
        "start": state["start"] + state["starts"],
        "end": state["end"] + state["ends"],
    }
    for column, name in enumerate(("prefix", "suffix", "ending", "shape")):
        weights[f"encoder.{name}"] = state[f"encoder.affixes.{column}.weight"]
    for name in ("bits", "out"):
        weights[f"encoder.{name}.weight"] = state[f"encoder.{name}.weight"].T
        weights[f"encoder.{name}.bias"] = state[f"encoder.{name}.bias"]
    both = [{key: state[f"{name}.{key}_l0"] for key in _LSTM} for name in ("ahead", "behind")]
    weights["lstm0.input"] = np.concatenate([_gates(one["weight_ih"].T) for one in both], axis=1)
    weights["lstm0.recurrent"] = np.stack([_gates(one["weight_hh"].T) for one in both])
    weights["lstm0.bias"] = np.concatenate([_gates(one["bias_ih"] + one["bias_hh"]) for one in both])
    return weights


_LSTM = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def _gates(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Reorder input, forget, cell, output to input, forget, output, cell, and halve what goes into a sigmoid."""
    enter, forget, cell, leave = np.split(weights, 4, axis=-1)
    return np.concatenate([enter / 2, forget / 2, leave / 2, cell], axis=-1)
