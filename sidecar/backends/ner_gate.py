"""A cheap look at a text: can it hold a name at all? Texts that cannot never reach the network."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import numpy as np

from sidecar.backends.ner_features import TOKEN_LIMIT, KeyTable, fingerprint, normalise_token
from sidecar.errors import ConfigError

# Gazetteer bits, as training sets them (sidecar.training.ner_tables).
FIRST_NAME, LAST_NAME, PLACE, ORGANISATION = 0b11, 0b1100, 0b111_0000, 1 << 10
# Seen in running text with a small first letter: nearly always, mostly.
COMMON, MOSTLY_SMALL = 1 << 14, 1 << 15
_NAMED = FIRST_NAME | LAST_NAME | PLACE | ORGANISATION

# Runs of letters; an apostrophe or hyphen joins, as in O'Neil and Jean-Luc.
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*")
_REMEMBERED = 50_000


class NameGate:
    """Says no only where every word is common in small letters, or small and in no list of names.

    A superset test by measurement, not by proof: MODEL_CARD.md gives the share of entities that it lets through.

    Args:
        gazetteer: of the model.
    """

    def __init__(self, gazetteer: KeyTable) -> None:
        self._gazetteer = gazetteer
        self._known: dict[str, bool] = {}

    @classmethod
    def load(cls, model: Path) -> NameGate:
        """Read the gazetteer of a model, and nothing else of it.

        Raises:
            ConfigError: it cannot be read.
        """
        path = model / "ner" / "model.npz"
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                return cls(KeyTable(archive["k.gazetteer"], archive["v.gazetteer"]))
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise ConfigError(f"ner.model: {path} cannot be read ({type(error).__name__})") from None

    def passes(self, text: str) -> bool:
        """Return whether some word of the text may be part of a name."""
        known = self._known
        for word in _WORD.findall(text):
            verdict = known.get(word)
            if verdict is None:
                verdict = self._suspect(word)
                # Cleared, not evicted: rare, and a flood of random words then costs look-ups, not memory.
                if len(known) >= _REMEMBERED:
                    known.clear()
                known[word[:TOKEN_LIMIT]] = verdict
            if verdict:
                return True
        return False

    def _suspect(self, word: str) -> bool:
        mask = self._gazetteer.get(fingerprint(normalise_token(word[:TOKEN_LIMIT])))
        if word.islower() and word.isascii():
            # A word that no list and no text knows may be a name that no list knows.
            return not mask or (bool(mask & _NAMED) and not mask & (COMMON | MOSTLY_SMALL))
        if not mask & COMMON:
            return True
        # "May", "Will", "Rose": common words that are names, too, when written with a capital.
        return bool(mask & _NAMED) and not word.islower()
