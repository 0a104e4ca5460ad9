"""Makes training examples: fills the slots of sentences, swaps names in annotated ones, and changes letter case."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING

from sidecar.training import ner_lists, ner_sentences
from sidecar.training.ner_corpus import GENERATED, Example, annotate, cut, put, spans_of, tokenise

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sidecar.training.ner_sources import Names, PlaceNames

_LATIN = re.compile("[A-Za-z\u00c0-\u024f\u1e00-\u1eff]")
_SLOT = re.compile(r"\{(\w)\}")
_INITIALS = "ABCDEFGHJKLMNPRSTW"
_OF = ("University", "Bank", "Ministry", "Institute", "Museum", "Church", "Government")
# Small, these are words, not places or names.
_NOT_WHEN_SMALL = {"US", "IT", "IN", "OR", "ME", "HI", "OK"}


class Augmenter:
    """Generates examples; all randomness comes from its seed.

    Args:
        names: by locale.
        places: by how surely they are one.
        seed: of the generator.
    """

    def __init__(self, names: dict[str, Names], places: PlaceNames, seed: int) -> None:
        self._random = random.Random(seed)
        self._english: list[Names] = []
        self._latin: list[Names] = []
        self._other: list[Names] = []
        for locale, both in names.items():
            if both.first and both.last:
                self._group(locale, both).append(both)
        large, small, regions = ([name for name in group if _LATIN.match(name)] for group in places)
        self._large, self._small, self._regions = large, small, regions
        self._slots: dict[str, Callable[[], str]] = {
            "p": self.person,
            "f": self.first,
            "l": self.last,
            "c": self.city,
            "k": self.region,
            "a": self.street,
            "o": self.organisation,
            "t": lambda: self._pick(ner_lists.FORMS_OF_ADDRESS),
            "d": self._date,
            "n": self._number,
            "e": self._email,
            "h": self._phone,
            "j": lambda: self._pick(ner_sentences.JOBS),
            "m": lambda: self._pick(ner_lists.DAYS + ner_lists.MONTHS),
            "x": lambda: self._pick(ner_sentences.THINGS),
            "i": self._identifier,
            "I": self._class_name,
            "E": lambda: "_".join(self._words()).upper(),
        }

    def _group(self, locale: str, names: Names) -> list[Names]:
        if locale.startswith("en"):
            return self._english
        return self._latin if _LATIN.match(names.first[0]) and _LATIN.match(names.last[0]) else self._other

    def _pick(self, items: Sequence[str]) -> str:
        return self._random.choice(items)

    def _chance(self, share: float) -> bool:
        return self._random.random() < share

    def _locale(self) -> Names:
        x = self._random.random()
        return self._random.choice(self._english if x < 0.45 else self._latin if x < 0.95 else self._other)

    def first(self) -> str:
        """Return a first name."""
        return self._pick(self._locale().first).split()[0]

    def last(self) -> str:
        """Return a last name."""
        return self._pick(self._locale().last)

    def person(self, tokens: int = 0) -> str:
        """Return a name; of about so many tokens, where they are given."""
        locale = self._locale()
        first = self._pick(locale.first)
        last = self._pick((locale if self._chance(0.8) else self._locale()).last)
        if tokens == 1:
            return self.first() if self._chance(0.55) else last.split()[-1]
        if tokens > 2 or self._chance(0.12):
            return self._long_name(first, last, locale)
        return f"{self._pick(_INITIALS)}. {last}" if self._chance(0.04) else f"{first} {last}"

    def _long_name(self, first: str, last: str, locale: Names) -> str:
        x = self._random.random()
        if x < 0.35:
            return f"{first} {self._pick(_INITIALS)}. {last}"
        if x < 0.45:
            return f"{first} {self._pick(_INITIALS)} {last}"
        if x < 0.65:
            return f"{first} {self._pick(locale.first)} {last}"
        if x < 0.85:
            return f"{first} {self._pick(ner_lists.PARTICLES)} {last}"
        if x < 0.93:
            return f"{first} {last}-{self.last()}"
        return f"{first} {last} {self._pick(('Jr.', 'Jr', 'III', 'Sr.'))}"

    def city(self) -> str:
        """Return a city, more often a large one."""
        return self._pick(self._large if self._chance(0.6) else self._small)

    def region(self) -> str:
        """Return a country, a state or another region."""
        return self._pick(ner_lists.PLACES if self._chance(0.6) else self._regions)

    def organisation(self) -> str:
        """Return an organisation: one that people write about, or one that is made up."""
        x = self._random.random()
        if x < 0.45:
            return self._pick(ner_lists.ORGANISATIONS)
        if x < 0.6:
            return f"{self.last()} {self._pick(ner_lists.ORGANISATION_SUFFIXES)}"
        if x < 0.68:
            return f"{self.last()} & {self.last()}"
        if x < 0.72:
            return f"{self.last()}, {self.last()} and {self.last()}"
        if x < 0.82:
            return f"{self.city()} {self._pick(ner_lists.ORGANISATIONS_OF_A_CITY)}"
        if x < 0.87:
            return f"{self._pick(_OF)} of {self.city()}"
        head, tail = self._pick(ner_lists.BRAND_HEADS), self._pick(ner_lists.BRAND_TAILS)
        brand = head + tail if tail.islower() else f"{head} {tail}"
        return brand if x < 0.93 else f"{brand} {self._pick(ner_lists.ORGANISATION_SUFFIXES)}"

    def street(self) -> str:
        """Return a street with a house number, here or abroad."""
        number = str(self._random.randint(1, 9999 if self._chance(0.3) else 300))
        name = self.last() if self._chance(0.7) else self._pick(ner_lists.STREET_NAMES)
        if self._chance(0.6):
            street = f"{number} {name} {self._pick(ner_lists.STREETS)}"
        else:
            street = self._pick(ner_lists.STREETS_ABROAD).format(name, n=number)
        if self._chance(0.15):
            street += f" {self._pick(('Apt', 'Apt.', 'Suite', 'Unit', 'Flat'))} {self._random.randint(1, 990)}"
        return street

    def _number(self) -> str:
        return str(self._random.randint(1, 10 ** self._random.randint(1, 6)))

    def _date(self) -> str:
        day, month, year = self._random.randint(1, 28), self._random.randint(1, 12), self._random.randint(1950, 2026)
        name = ner_lists.MONTHS[month - 1]
        return self._pick(
            (f"{name} {day}", f"{month}/{day}/{year}", f"{year}-{month:02}-{day:02}", f"{day} {name} {year}")
        )

    def _email(self) -> str:
        host = self._pick(("mail", "example", "corp", "post"))
        return f"{self.first().lower()}{self._random.randint(1, 99)}@{host}.{self._pick(('com', 'org', 'net', 'de'))}"

    def _phone(self) -> str:
        a, b = self._random.randint(200, 999), self._random.randint(1000, 9999)
        return self._pick((f"555-{a}-{b}", f"+{a % 99 + 1} {a} {b}{a}", f"({a}) 555-{b}"))

    def _words(self) -> list[str]:
        return [self._pick(ner_sentences.IDENTIFIERS) for _ in range(self._random.choice((1, 1, 2, 2, 3)))]

    def _identifier(self) -> str:
        first, *rest = self._words()
        return first + "".join(map(str.capitalize, rest)) if self._chance(0.5) else "_".join((first, *rest))

    def _class_name(self) -> str:
        return "".join(map(str.capitalize, self._words()))

    def sentence(self) -> Example:
        """Return a generated example."""
        x = self._random.random()
        if x < 0.7:
            template = self._pick(ner_sentences.ENTITY_SENTENCES)
        elif x < 0.85:
            template = self._pick(ner_sentences.PLAIN_SENTENCES)
        else:
            template = " ".join(self._pick(ner_sentences.CODE_LINES) for _ in range(self._random.choice((1, 1, 2))))
        text, spans = self._fill(template)
        if text[-1:] in ".!?" and self._chance(0.15):
            text = text[:-1]
        return cut(annotate(self._recase(text), spans, GENERATED))

    def _fill(self, template: str) -> tuple[str, list[tuple[int, int, str]]]:
        text, spans = "", []
        for index, part in enumerate(_SLOT.split(template.replace("{{", "\ue000").replace("}}", "\ue001"))):
            if index % 2 == 0:
                text += part.replace("\ue000", "{").replace("\ue001", "}")
                continue
            value = self._slots[part]()
            if part in _ENTITY_OF:
                spans.append((len(text), len(text) + len(value), _ENTITY_OF[part]))
            text += value
        return text, spans

    def _recase(self, text: str) -> str:
        x = self._random.random()
        other = text.lower() if x < 0.14 else text.upper() if x < 0.18 else text
        # Where a letter has no single counterpart, spans would move.
        return other if len(other) == len(text) else text

    def vary(self, example: Example) -> Example:
        """Return an annotated example with some names swapped and perhaps another letter case."""
        spans = spans_of(example.tags)
        if spans and self._chance(0.55):
            example = self._swap(example, spans)
        tokens, tags = example.tokens, example.tags
        x = self._random.random()
        if x < 0.12:
            tags = [
                "O" if token in _NOT_WHEN_SMALL and tag[0] == "U" else tag
                for token, tag in zip(tokens, tags, strict=True)
            ]
            tokens = [token.lower() for token in tokens]
        elif x < 0.17:
            tokens = [token.upper() for token in tokens]
        elif x < 0.19:
            tokens = [token.capitalize() for token in tokens]
        return cut(Example(tokens, tags, example.domain))

    def _swap(self, example: Example, spans: list[tuple[int, int, str]]) -> Example:
        tokens: list[str] = []
        tags: list[str] = []
        done = 0
        for start, end, entity in spans:
            tokens += example.tokens[done:start]
            tags += ["O"] * (start - done)
            new = self._other_name(example.tokens[start:end], entity)
            inner = ["O"] * len(new)
            put(inner, range(len(new)), entity)
            tokens += new
            tags += inner
            done = end
        tokens += example.tokens[done:]
        tags += ["O"] * (len(example.tokens) - done)
        return Example(tokens, tags, example.domain)

    def _other_name(self, old: list[str], entity: str) -> list[str]:
        """Return the tokens of another name in the old one's letter case, or the old ones."""
        x = self._random.random()
        if entity == "PERSON" and x < 0.6:
            new = tokenise(self.person(len(old)))
        elif entity == "LOCATION" and x < 0.4:
            new = tokenise(self.city() if self._chance(0.6) else self.region())
        elif entity == "ORGANIZATION" and x < 0.4:
            new = tokenise(self.organisation())
        else:
            return old
        if old[0].isupper() and len(old[0]) > 3:
            return [token.upper() for token in new]
        return [token.lower() for token in new] if old[0].islower() else new


_ENTITY_OF = {
    **dict.fromkeys("pfl", "PERSON"),
    **dict.fromkeys("cka", "LOCATION"),
    "o": "ORGANIZATION",
}
