"""The two trainings: a language model in both directions on plain text, then tagging on annotated text."""

from __future__ import annotations

import copy
import random
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from sidecar.backends.ner_features import normalise_token
from sidecar.backends.ner_network import TAGS
from sidecar.training.ner_corpus import TWEETS, WEB, WIKI, Example

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from sidecar.training.ner_augment import Augmenter
    from sidecar.training.ner_torch import Batcher, Tagger

    Progress = Callable[[float, str], None]

_TAG_INDEX = {tag: index for index, tag in enumerate(TAGS)}
_WARM_UP = 300
# Share of the peak rate that is left at the end.
_LAST_RATE = 0.02


class PretrainSettings(NamedTuple):
    """Of the language model. `noise` words are drawn against each batch instead of the whole vocabulary."""

    epochs: int = 10
    rate: float = 2e-3
    batch_tokens: int = 2000
    noise: int = 1500
    dropout: float = 0.2


class FitSettings(NamedTuple):
    """Of the tagging; found by experiments that RATIONALE.md lists.

    Args:
        epochs: passes over the annotated text.
        rate: peak learning rate of AdamW, reached after a warm-up and then lowered in a line.
        decay: weight decay.
        batch_tokens: places of a batch, padding included.
        varied: share of annotated sentences that are varied in each pass.
        generated: sentences generated for each pass.
        shares: share of each domain's sentences used in each pass.
        hidden: probability of taking a word for unknown, added to `rare` over its count.
        rare: see `hidden`.
        own_domain: share of sentences of other domains that are shown as web text.
    """

    epochs: int = 6
    rate: float = 2e-3
    decay: float = 2e-2
    batch_tokens: int = 800
    varied: float = 0.85
    generated: int = 6000
    shares: tuple[float, float, float] = (1.0, 0.6, 0.5)
    hidden: float = 0.05
    rare: float = 2.0
    own_domain: float = 0.1


def batches_by_length(items: Iterable[Example], places: int, shuffle: random.Random) -> list[list[Example]]:
    """Group examples of like length, so that a batch has about so many places, and shuffle the groups."""
    ordered = sorted(items, key=lambda item: len(item.tokens) + 3 * shuffle.random())
    groups: list[list[Example]] = [[]]
    for item in ordered:
        if groups[-1] and (len(groups[-1]) + 1) * len(item.tokens) > places:
            groups.append([])
        groups[-1].append(item)
    shuffle.shuffle(groups)
    return groups


def _rate(step: int, total: int, peak: float) -> float:
    return peak * min(1.0, step / _WARM_UP) * max(_LAST_RATE, 1 - step / total)


def _counts(sentences: Iterable[Sequence[str]], rows: Mapping[str, int]) -> NDArray[np.float64]:
    counts = np.zeros(len(rows) + 1)
    for sentence in sentences:
        for token in sentence:
            counts[rows.get(normalise_token(token), 0)] += 1
    return counts


class _NextWord(nn.Module):
    """Predicts a word from the state before (or, backwards, behind) it, against sampled noise."""

    def __init__(self, tagger: Tagger, frequency: NDArray[np.float64], settings: PretrainSettings) -> None:
        super().__init__()
        units, width = tagger.ahead.hidden_size, tagger.encoder.word.embedding_dim
        self.ahead, self.behind = nn.Linear(units, width), nn.Linear(units, width)
        self.word = nn.Embedding(len(frequency), width)
        self.bias = nn.Parameter(torch.zeros(len(frequency)))
        nn.init.normal_(self.word.weight, std=0.1)
        noise = frequency**0.75
        noise[0] = 0
        self._noise = noise / noise.sum()
        self._settings = settings

    def loss(
        self, ahead: torch.Tensor, behind: torch.Tensor, rows: torch.Tensor, draw: np.random.Generator
    ) -> torch.Tensor:
        """Return the mean cross entropy over known words, sampling corrected for."""
        known = rows > 0
        drop = self._settings.dropout
        states = torch.cat(
            [
                self.ahead(functional.dropout(ahead[:, :-1], drop))[known[:, 1:]],
                self.behind(functional.dropout(behind[:, 1:], drop))[known[:, :-1]],
            ]
        )
        targets = torch.cat([rows[:, 1:][known[:, 1:]], rows[:, :-1][known[:, :-1]]])
        drawn = draw.choice(len(self._noise), self._settings.noise, p=self._noise)
        words = np.unique(np.concatenate([drawn, targets.numpy()]))
        place = torch.zeros(len(self._noise), dtype=torch.long)
        place[torch.from_numpy(words)] = torch.arange(len(words))
        expected = np.minimum(1, self._settings.noise * self._noise[words]) + 1e-9
        chosen = torch.from_numpy(words)
        scores = states @ self.word(chosen).T + self.bias[chosen]
        scores = scores - torch.from_numpy(np.log(expected).astype(np.float32))
        return functional.cross_entropy(scores, place[targets])


def pretrain(
    tagger: Tagger,
    batcher: Batcher,
    sentences: Sequence[list[str]],
    rows: Mapping[str, int],
    *,
    settings: PretrainSettings,
    seed: int,
    progress: Progress,
) -> float:
    """Train encoder and LSTMs to predict neighbouring words; return the last epoch's mean loss."""
    torch.manual_seed(seed)
    shuffle, draw = random.Random(seed), np.random.default_rng(seed)
    counts = _counts(sentences, rows)
    rare = 0.02 + 3 / (counts + 10)
    model = _NextWord(tagger, counts, settings)
    parameters = [*tagger.parameters(), *model.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=settings.rate)
    groups = batches_by_length((Example(sentence, []) for sentence in sentences), settings.batch_tokens, shuffle)
    step, mean = 0, 0.0
    for epoch in range(settings.epochs):
        shuffle.shuffle(groups)
        losses = []
        tagger.train()
        for group in groups:
            _set_rate(optimizer, _rate(step, settings.epochs * len(groups), settings.rate))
            batch = batcher([item.tokens for item in group], hide=lambda ids: draw.random(len(ids)) < rare[ids])
            _, ahead, behind = tagger.context(batch)
            loss = model.loss(ahead, behind, _rows(group, rows), draw)
            if loss.isfinite():  # a batch of unknown words alone has no target
                _descend(optimizer, loss, parameters, 1.0)
                losses.append(loss.item())
            step += 1
            progress(step / (settings.epochs * len(groups)), f"language model {epoch + 1}/{settings.epochs}")
        mean = sum(losses) / len(losses)
    return mean


def _rows(group: Sequence[Example], rows: Mapping[str, int]) -> torch.Tensor:
    found = torch.zeros(len(group), max(len(item.tokens) for item in group), dtype=torch.long)
    for index, item in enumerate(group):
        found[index, : len(item.tokens)] = torch.tensor([rows.get(normalise_token(token), 0) for token in item.tokens])
    return found


def fit(
    tagger: Tagger,
    batcher: Batcher,
    examples: Sequence[Example],
    augmenter: Augmenter,
    rows: Mapping[str, int],
    *,
    settings: FitSettings,
    seed: int,
    progress: Progress,
    silver: Sequence[Example] = (),
) -> Tagger:
    """Train the tagging, and return the running average of the weights, which is what is shipped.

    `silver` are sentences that teachers annotated; all of them are used in every pass, as they are.
    """
    torch.manual_seed(seed)
    shuffle, draw = random.Random(seed), np.random.default_rng(seed)
    unknown = settings.hidden + settings.rare / (_counts((item.tokens for item in examples), rows) + 3)
    average = copy.deepcopy(tagger)
    optimizer = torch.optim.AdamW(tagger.parameters(), lr=settings.rate, weight_decay=settings.decay)
    step = total = 0
    for epoch in range(settings.epochs):
        chosen = [*_chosen(examples, augmenter, settings, shuffle), *silver]
        groups = batches_by_length(chosen, settings.batch_tokens, shuffle)
        total = total or settings.epochs * len(groups)
        tagger.train()
        for group in groups:
            _set_rate(optimizer, _rate(step, total, settings.rate))
            domains = [WEB if draw.random() < settings.own_domain else item.domain for item in group]
            batch = batcher(
                [item.tokens for item in group], domains, hide=lambda ids: draw.random(len(ids)) < unknown[ids]
            )
            loss = tagger.loss(tagger(batch), _tags(group), batch.mask).mean()
            _descend(optimizer, loss, tagger.parameters(), 5.0)
            step += 1
            _follow(average, tagger, min(0.999, (1 + step) / (10 + step)))
            progress(min(1.0, step / total), f"tagging {epoch + 1}/{settings.epochs}")
    average.eval()
    return average


@torch.no_grad()
def average(taggers: Sequence[Tagger]) -> Tagger:
    """Return the mean of networks that were trained from the same start; it generalises better than each of them."""
    mean, *others = taggers
    for count, other in enumerate(others, 2):
        for kept, new in zip(mean.parameters(), other.parameters(), strict=True):
            kept.lerp_(new, 1 / count)
    return mean


def _chosen(
    examples: Sequence[Example], augmenter: Augmenter, settings: FitSettings, shuffle: random.Random
) -> Iterator[Example]:
    share = dict(zip((WEB, TWEETS, WIKI), settings.shares, strict=True))
    for example in examples:
        if shuffle.random() < share[example.domain]:
            yield augmenter.vary(example) if shuffle.random() < settings.varied else example
    for _ in range(settings.generated):
        yield augmenter.sentence()


def _tags(group: Sequence[Example]) -> torch.Tensor:
    tags = torch.zeros(len(group), max(len(item.tokens) for item in group), dtype=torch.long)
    for index, item in enumerate(group):
        tags[index, : len(item.tags)] = torch.tensor([_TAG_INDEX[tag] for tag in item.tags])
    return tags


def _set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate


def _descend(
    optimizer: torch.optim.Optimizer, loss: torch.Tensor, parameters: Iterable[torch.Tensor], most: float
) -> None:
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(parameters, most)
    optimizer.step()


@torch.no_grad()
def _follow(average: Tagger, tagger: Tagger, inertia: float) -> None:
    for kept, new in zip(average.parameters(), tagger.parameters(), strict=True):
        kept.lerp_(new, 1 - inertia)
