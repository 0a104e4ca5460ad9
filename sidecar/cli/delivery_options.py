"""The options by which rules reach a sidecar while it runs: the same ones wherever a sidecar is started."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sidecar.cli.options import Command, add_options
from sidecar.settings import Delivery

_OPTIONS = (
    click.option("--rules-watch", is_flag=True, help="Take changes of the rules folder while running."),
    click.option(
        "--rules-url", default="", metavar="URL", help="Poll this address for a bundle archive (OPA convention)."
    ),
    click.option(
        "--rules-every",
        type=click.FloatRange(min=0.1),
        default=10.0,
        show_default=True,
        help="Seconds between two looks.",
    ),
    click.option(
        "--rules-settle",
        type=click.FloatRange(min=0.0),
        default=5.0,
        show_default=True,
        help="Seconds for which rules must not change before they are taken.",
    ),
    click.option(
        "--rules-trust",
        multiple=True,
        type=click.Path(path_type=Path, exists=True),
        metavar="PUB",
        help="A key that may sign bundles; with one given, unsigned bundles are refused.",
    ),
    click.option("--rules-signatures", type=click.IntRange(min=1), default=1, show_default=True, help="Distinct keys."),
    click.option(
        "--rules-unsigned/--rules-signed",
        "rules_unsigned",
        default=None,
        help="Whether unsigned bundles are taken, keys or not.",
    ),
    click.option(
        "--rules-store",
        type=click.Path(path_type=Path),
        metavar="DIR",
        help="Remember bundles, what is in force and the version floor here; without it, until the sidecar ends.",
    ),
)


def delivery_options(command: Command) -> Command:
    """Add the options to a command, which takes them as `**rules` and gives them to `delivery_of`."""
    return add_options(command, _OPTIONS)


def delivery_of(rules: dict[str, Any], *, push: bool = False) -> Delivery:
    """Return what the options say.

    Args:
        rules: the options' values by their names.
        push: whether `RulesService` takes bundles.
    """
    unsigned = rules["rules_unsigned"]
    return Delivery(
        store=rules["rules_store"],
        url=rules["rules_url"],
        watch=rules["rules_watch"],
        every=rules["rules_every"],
        keys=tuple(path.absolute() for path in rules["rules_trust"]),
        required=None if unsigned is None else not unsigned,
        threshold=rules["rules_signatures"],
        push=push,
        debounce=rules["rules_settle"],
    )
