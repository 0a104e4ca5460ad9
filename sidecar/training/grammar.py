"""Text from grammars of our own: attack families and their benign look-alikes, in many languages.

Phrases learned from one source hardly transfer to another; what the grammars vary (who is addressed, what is to be
dropped, what is asked for instead, in which document it hides) is the structure that does.
"""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from sidecar.training.corpus import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

FOLDER = Path(__file__).parent / "grammar"
_NAME = re.compile(r"\{([a-z0-9]+)\}")
# Share of texts in capitals, in small letters, and without their last stop.
_CAPITALS, _SMALL, _UNFINISHED = 0.06, 0.2, 0.3
# Share of attacks in other languages that follow a sentence in English.
_CARRIED = 0.15


class Grammar:
    """Expands templates: `{name}` is one of its alternatives, `(a|b|)` one of the parts.

    Args:
        rules: the alternatives of each name.
        chance: decides.
    """

    def __init__(self, rules: Mapping[str, Sequence[str]], chance: random.Random) -> None:
        self.rules = rules
        self.chance = chance

    def expand(self, template: str) -> str:
        """Return one text that a template stands for."""
        out: list[str] = []
        place = 0
        while place < len(template):
            named = _NAME.match(template, place)
            if template[place] == "(":
                parts, place = _alternatives(template, place)
                chosen = self.chance.choice(parts)
                out.append(self.expand(chosen) if len(parts) > 1 else f"({self.expand(chosen)})")
            elif named and named[1] in self.rules:
                out.append(self.expand(self.chance.choice(self.rules[named[1]])))
                place = named.end()
            else:
                out.append(template[place])
                place += 1
        return "".join(out)


def _alternatives(template: str, place: int) -> tuple[list[str], int]:
    """Return the parts of the group that opens at `place`, and where the text goes on."""
    depth, start, parts = 0, place + 1, []
    for end in range(place, len(template)):
        character = template[end]
        depth += (character == "(") - (character == ")")
        if depth == 0 or (depth == 1 and character == "|"):
            parts.append(template[start:end])
            start = end + 1
        if depth == 0:
            return parts, end + 1
    raise ValueError(f"a group is not closed: {template}")


def generate(seed: int, *, english: int = 400, others: int = 14) -> list[Record]:
    """Generate labelled texts; the same seed gives the same ones.

    Args:
        seed: of the chance.
        english: texts tried per family in English; repeated ones are left out.
        others: texts tried per template in other languages.
    """
    chance = random.Random(seed)
    book = yaml.safe_load((FOLDER / "english.yaml").read_text("utf-8"))
    relative = yaml.safe_load((FOLDER / "relative.yaml").read_text("utf-8"))
    grammar = Grammar({**book["slots"], **book["plus"]}, chance)
    records = [
        *_english(grammar, book, ("attack", "benign", "benign2"), english),
        *_english(Grammar({**grammar.rules, **relative["slots"]}, chance), relative, ("attack", "benign"), english),
    ]
    for name in ("other_languages.yaml", "relative_languages.yaml"):
        for language, labels in yaml.safe_load((FOLDER / name).read_text("utf-8")).items():
            for label, templates in labels.items():
                drawn = (templates[n % len(templates)] for n in range(others * len(templates)))
                texts = dict.fromkeys(_carry(grammar, template, label) for template in drawn)
                records += (Record(text, label, f"own:{language}:{label}", lang=language) for text in texts)
    return [*records, *_interfaces(chance, 3 * others)]


def _interfaces(chance: random.Random, many: int) -> Iterator[Record]:
    """Yield translation files of user interfaces, so many in each language."""
    strings = yaml.safe_load((FOLDER / "interface.yaml").read_text("utf-8"))
    keys = strings.pop("keys")
    for language, texts in strings.items():
        for _ in range(many):
            chosen = chance.sample(texts, chance.randint(3, 14))
            lines = (f'  "{chance.choice(keys)}{chance.choice(("", "Title", "Text"))}": "{text}"' for text in chosen)
            yield Record(",\n".join(lines), "benign", f"own:{language}:benign", lang=language)


def _english(
    grammar: Grammar, book: Mapping[str, Mapping[str, Sequence[str]]], sections: Sequence[str], many: int
) -> Iterator[Record]:
    """Yield the texts of the sections of a book, family by family."""
    for section in sections:
        label = section.rstrip("2")
        for family, templates in book[section].items():
            wanted = max(many, (14 if label == "attack" else 6) * len(templates))
            texts = dict.fromkeys(
                _vary(grammar.expand(templates[n % len(templates)]), grammar.chance) for n in range(wanted)
            )
            yield from (Record(text, label, f"own:en:{label}:{family}", lang="en") for text in texts)


def _vary(text: str, chance: random.Random) -> str:
    draw = chance.random()
    if draw < _CAPITALS:
        text = text.upper()
    elif draw < _SMALL:
        text = text.lower()
    elif draw < _UNFINISHED:
        text = text.rstrip(".!?")
    return text[:1].upper() + text[1:] if chance.random() < 1 / 2 else text


def _carry(grammar: Grammar, template: str, label: str) -> str:
    text = grammar.expand(template)
    if label == "attack" and grammar.chance.random() < _CARRIED:
        return f"{grammar.expand('{carrier}')} {text}"
    return text
