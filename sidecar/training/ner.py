"""`sidecar train ner`: corpora in, spaCy pipeline out, reproducible by its seed (one thread, one machine type)."""

from __future__ import annotations

import copy
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from sidecar.backends.ner_component import blank_pipeline, pack
from sidecar.training.ner_augment import Augmenter
from sidecar.training.ner_corpus import HELD_OUT, labelled, unlabelled
from sidecar.training.ner_fit import FitSettings, PretrainSettings, average, fit, pretrain
from sidecar.training.ner_sources import person_names, place_names
from sidecar.training.ner_tables import build_tables
from sidecar.training.ner_torch import Batcher, Tagger, export

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray


class Recipe(NamedTuple):
    """All that decides what comes out, besides the corpora."""

    seed: int = 0
    pretraining: PretrainSettings = PretrainSettings()
    fitting: FitSettings = FitSettings()
    # Taggings of different seeds from one language model; their weights are averaged.
    runs: int = 3
    # Added to the score of "no entity" at run time.
    outside_bias: float = 0.0


class Trained(NamedTuple):
    """What training says about itself; it goes into the pipeline's `meta.json`."""

    sentences: int
    vocabulary: int
    language_model_loss: float
    seconds: float


def train(corpus: Path, out: Path, recipe: Recipe, progress: Callable[[float, str], None]) -> Trained:
    """Train a pipeline and write it.

    Args:
        corpus: folder with `ner.jsonl.gz` and `injection.jsonl.gz`.
        out: folder of the pipeline; it is made.
        recipe: seed and settings.
        progress: told the share done of the current stage, and its name.

    Raises:
        ConfigError: a corpus cannot be read.
    """
    began = time.monotonic()
    # One thread: sums in another order would give another model.
    torch.set_num_threads(1)
    torch.manual_seed(recipe.seed)
    progress(0.0, "reading")
    sources = labelled(corpus)
    examples = [example for source, items in sorted(sources.items()) if source != HELD_OUT for example in items]
    prose = [*unlabelled(corpus), *(example.tokens for example in examples if len(example.tokens) > 2)]
    names, places = person_names(), place_names()
    tables = build_tables(prose, names, places)
    batcher = Batcher(tables.features)
    tagger = Tagger(len(tables.rows))
    loss = pretrain(
        tagger, batcher, prose, tables.rows, settings=recipe.pretraining, seed=recipe.seed, progress=progress
    )
    trained = average(
        [
            fit(
                copy.deepcopy(tagger),
                batcher,
                examples,
                Augmenter(names, places, seed),
                tables.rows,
                settings=recipe.fitting,
                seed=seed,
                progress=progress,
            )
            for seed in range(recipe.seed, recipe.seed + recipe.runs)
        ]
    )
    report = Trained(len(examples), len(tables.rows), round(loss, 4), round(time.monotonic() - began, 1))
    write(pack(export(trained), tables.features), out, recipe, report)
    return report


def write(packed: dict[str, NDArray[Any]], out: Path, recipe: Recipe, report: Trained) -> None:
    """Write the pipeline with its name, licence and recipe."""
    nlp = blank_pipeline(packed, outside_bias=recipe.outside_bias)
    nlp.meta.update(
        name="portcullis_ner",
        version="1.0.0",
        description="Names, places and organisations in English web text",
        license="CC BY-SA 4.0",
        author="Portcullis maintainers",
        training={"recipe": _plain(recipe), **report._asdict()},
    )
    nlp.to_disk(out)


def _plain(settings: Any) -> Any:
    if hasattr(settings, "_asdict"):
        return {name: _plain(value) for name, value in settings._asdict().items()}
    return list(settings) if isinstance(settings, tuple) else settings
