"""Makes `sidecar/core/transforms/confusables.py` from Unicode's confusables: `python -m sidecar.training.confusables`.

The data comes from the package `confusable-homoglyphs` (MIT; Unicode's own file under the Unicode licence V3). Kept are
letters outside ASCII that look like one ASCII letter, where compatibility normalisation does not already say so.
"""

from __future__ import annotations

import unicodedata
from pathlib import Path

TARGET = Path(__file__).parent.parent / "core" / "transforms" / "confusables.py"
_PER_LINE = 10
HEADER = '''"""Letters that look like an ASCII letter, after Unicode's confusables (UTS #39); made by `sidecar.training.confusables`.

Data: Copyright Unicode, Inc., Unicode licence V3, through confusable-homoglyphs {version} (MIT).
"""
'''


def select(confusables: dict[str, list[dict[str, str]]]) -> dict[str, str]:
    """Choose the letters that are folded.

    Args:
        confusables: for each character, what it can be confused with (key `c`).

    Returns:
        Letter to ASCII letter; a capital that looks like a small L is a capital I.
    """
    chosen: dict[str, str] = {}
    for letter, alternatives in confusables.items():
        if len(letter) != 1 or letter.isascii() or not unicodedata.category(letter).startswith("L"):
            continue
        if unicodedata.normalize("NFKD", letter)[0].isascii():
            continue
        looks = ["m" if item["c"] == "rn" else item["c"] for item in alternatives]
        ascii_letters = [look for look in looks if len(look) == 1 and look.isascii() and look.isalpha()]
        if ascii_letters:
            capital_i = ascii_letters[0] == "l" and unicodedata.category(letter) == "Lu"
            chosen[letter] = "I" if capital_i else ascii_letters[0]
    return dict(sorted(chosen.items()))


def render(chosen: dict[str, str], version: str) -> str:
    """Return the module's text."""
    return (
        HEADER.format(version=version)
        + _string("LETTERS", [chr_escape(letter) for letter in chosen])
        + _string("LOOKS", list(chosen.values()))
    )


def chr_escape(letter: str) -> str:
    """Return a letter as an escape that Python reads back, so that no editor or diff can hide it."""
    return f"\\u{ord(letter):04x}" if ord(letter) < 0x10000 else f"\\U{ord(letter):08x}"


def _string(name: str, parts: list[str]) -> str:
    lines = ("".join(parts[at : at + _PER_LINE]) for at in range(0, len(parts), _PER_LINE))
    return f"{name} = (\n" + "".join(f'    "{line}"\n' for line in lines) + ")\n"


def main() -> None:
    """Write the module."""
    from confusable_homoglyphs import __version__, confusables  # noqa: PLC0415 - only this recipe needs it

    TARGET.write_text(render(select(confusables.confusables_data), __version__), encoding="utf-8")


if __name__ == "__main__":
    main()
