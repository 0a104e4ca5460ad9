"""`sidecar train`: makes the models that ship; needs the extra `training` and the corpora, and takes minutes to hours."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


@click.group()
def train() -> None:
    """Train the models that ship with the sidecar; each folder of a model has its MODEL_CARD.md."""


@train.command()
@click.option("--corpus", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder of the pipeline.")
@click.option("--seed", default=0, show_default=True, help="Of everything that is drawn.")
@click.option("--epochs", nargs=2, type=int, metavar="LM TAGGING", help="Passes; fewer for a try.")
def ner(corpus: Path, out: Path, seed: int, epochs: tuple[int, int] | None) -> None:
    """Train the spaCy pipeline for names, places and organisations; about 45 minutes on one idle core.

    \b
    Example:
      sidecar train ner --corpus ../shared/corpora --out out/ner_en
      sidecar bench ner --corpus ../shared/corpora --model out/ner_en
    """
    training = _training("ner")
    recipe = training.Recipe(seed=seed)
    if epochs:
        recipe = recipe._replace(
            pretraining=recipe.pretraining._replace(epochs=epochs[0]), fitting=recipe.fitting._replace(epochs=epochs[1])
        )
    with _bar() as bar:
        report = training.train(corpus, out, recipe, _stages(bar))
    click.echo(f"{out}: {report.sentences} sentences, {report.vocabulary} words, {report.seconds:.0f} s")


def _training(name: str) -> ModuleType:
    try:
        return importlib.import_module(f"sidecar.training.{name}")
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"training needs `{error.name}`; install the extra: pip install 'portcullis-sidecar[training]'"
        ) from error


def _bar() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True))


def _stages(bar: Progress) -> Callable[[float, str], None]:
    task = bar.add_task("reading", total=1.0)
    return lambda share, stage: bar.update(task, completed=share, description=stage)
