"""Labelled texts for training and measuring: JSON lines, gzipped or not, one record a line."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from sidecar.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

# Sources that share texts or carriers: leaving one out leaves its relatives out, else the figures flatter.
FAMILIES = {
    "bipia-text-attacks": "bipia",
    "bipia-code-attacks": "bipia",
    "bipia-contexts": "bipia",
    "cyberseceval-frr-en": "cyberseceval-frr",
    "cyberseceval-frr-mt-A": "cyberseceval-frr",
}
# What `../shared/corpora` calls its files; the first is trained on, the others are only measured.
TRAINED = "injection"
MEASURED = ("injection", "injection_hard", "injection_ambiguous", "injection_obfuscated")


class Record(msgspec.Struct, frozen=True):
    """One labelled text.

    Args:
        text: the text.
        label: `attack` or `benign`.
        source: where it comes from; whole sources are left out in validation.
        id: unique in its file.
        lang: its language, where known.
        category: a finer label of the source's own.
    """

    text: str
    label: str
    source: str
    id: str = ""
    lang: str = ""
    category: str = ""

    @property
    def is_attack(self) -> bool:
        """Whether the label says attack."""
        return self.label == "attack"

    @property
    def family(self) -> str:
        """The source, or what it shares with its relatives."""
        source = self.source.removeprefix("obfuscated:")
        return FAMILIES.get(source, source)


def read_corpus(path: Path) -> list[Record]:
    """Read one file.

    Args:
        path: JSON lines, gzipped if the name ends in `.gz`.

    Raises:
        ConfigError: it cannot be read, or a line is not a record.
    """
    opened = gzip.open if path.suffix == ".gz" else open
    decoder = msgspec.json.Decoder(Record)
    records = []
    try:
        with opened(path, "rb") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    records.append(decoder.decode(line))
                except msgspec.DecodeError as error:
                    raise ConfigError(f"{path}:{number}: not a labelled text: {error}") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from None
    return records


def find_corpus(folder: Path, name: str) -> Path | None:
    """Return the file of a corpus in a folder, gzipped or not; None where there is none."""
    candidates = (folder / f"{name}.jsonl.gz", folder / f"{name}.jsonl")
    return next((path for path in candidates if path.is_file()), None)


def fingerprint(paths: Iterable[Path]) -> dict[str, str]:
    """Return the SHA-256 of each file by name, for the provenance of a model."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(paths)}
