"""What the commands of `sidecar rules` share: options, JSON, the bundle as it stands in its folder."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import msgspec

from sidecar import config
from sidecar.delivery.build import Offer
from sidecar.rules.shipping import ENVELOPE

FOLDER = click.Path(path_type=Path, file_okay=False)
rules_option = click.option(
    "--rules", "folder", type=FOLDER, help="The bundle's folder; the one that ships if left out."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


def print_json(value: object) -> None:
    """Write a value as one line of JSON."""
    sys.stdout.buffer.write(msgspec.json.encode(value) + b"\n")


def offer_in(folder: Path | None) -> Offer:
    """Read a bundle folder, the shipped one where none is given, with its signatures."""
    from sidecar.delivery.sources import read_offer  # noqa: PLC0415 - see above

    return read_offer(folder or config.shipped_rules())


def archive_of(folder: Path | None) -> bytes:
    """Pack a bundle folder, signatures included."""
    from sidecar.rules.archive import pack  # noqa: PLC0415 - see above

    offer = offer_in(folder)
    signed = {} if offer.envelope is None else {ENVELOPE: msgspec.json.encode(offer.envelope)}
    return pack({**offer.files, **signed})
