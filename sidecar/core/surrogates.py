"""Stand-ins: realistic values that belong to nobody, chosen by a keyed hash."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_GIVEN = _words(
    "Ada Alba Amir Anders Anya Arlo Beatriz Bruno Carmen Cyrus Dalia Darius Edith Elif Emeka Fatima Felix Freya Goran Greta "
    "Hana Hugo Ines Ivo Jonas Juno Kaito Kalinda Lars Leila Linus Luz Mateo Mira Nadia Nico Noor Odin Olga Oskar Petra Quinn "
    "Rafael Rosa Samir Selma Silas Sofia Tariq Tess Tobias Uma Valentin Vera Viggo Wanda Xenia Yara Yusuf Zara Zeno Zita Kofi Mei"
)
_FAMILY = _words(
    "Abbott Adeyemi Almeida Anders Barros Becker Bellini Brandt Calder Castell Dahl Demir Dorsey Eklund Falk Ferreira Fontaine "
    "Galloway Greco Haddad Halvorsen Hartwell Ibarra Ivanov Jansen Kaplan Kessler Kimura Lindqvist Lombard Maddox Marchetti "
    "Mbeki Moreau Nakano Novak Okafor Oliveira Pashley Petrov Quigley Rasmus Renard Rinaldi Sandoval Seidel Sorensen Stavros "
    "Tanaka Thorne Toledo Ueda Valdez Varga Vickers Walden Weiss Winther Xu Yilmaz Zamora Zeller Ziegler Osei"
)
_PLACES = _words(
    "Alderbrook Ashfell Birchmoor Brightwater Cedarholt Clearmont Coldbrook Dunmere Eastvale Elmstead Fairhollow Fernley "
    "Glenmore Greyport Harrowgate Hazelford Highmoor Ironbridge Kingsmere Lakewell Larkfield Maplewick Millhaven Moorcastle "
    "Northmere Oakhurst Pinecrest Ravensford Redcliff Riverton Rosedale Saltmarsh Silverlake Southwick Stonebridge Thornbury "
    "Westbrook Whitefell Willowdale Windermoor"
)
_TRADES = (
    "Analytics",
    "Foods",
    "Freight",
    "Holdings",
    "Industries",
    "Labs",
    "Logistics",
    "Partners",
    "Systems",
    "Works",
)


class _Choice:
    """An endless supply of choices from one digest."""

    def __init__(self, digest: bytes) -> None:
        self._bytes = self._supply(digest)

    @staticmethod
    def _supply(digest: bytes) -> Iterator[int]:
        block = digest
        while True:
            yield from block
            block = hashlib.sha256(block).digest()

    def number(self, limit: int) -> int:
        """Return a number below `limit`, at most 2**16."""
        return (next(self._bytes) * 256 + next(self._bytes)) % limit

    def of(self, items: Sequence[str]) -> str:
        """Return one of some items."""
        return items[self.number(len(items))]


def surrogate(entity: str, digest: bytes, value: str) -> str:
    """Return a stand-in for a value.

    Args:
        entity: its type; an unknown one keeps the shape of the value.
        digest: a keyed hash of the value and its scope: what is chosen by.
        value: what it stands for; only its shape is used.
    """
    return _MAKERS.get(entity, _shaped)(_Choice(digest), value)


def _person(choice: _Choice, value: str) -> str:
    names = [choice.of(_GIVEN)] if " " not in value.strip() else [choice.of(_GIVEN), choice.of(_FAMILY)]
    return " ".join(names)


def _place(choice: _Choice, _value: str) -> str:
    return choice.of(_PLACES)


def _organisation(choice: _Choice, _value: str) -> str:
    return f"{choice.of(_FAMILY)} {choice.of(_TRADES)}"


def _email(choice: _Choice, _value: str) -> str:
    name = f"{choice.of(_GIVEN)}.{choice.of(_FAMILY)}{choice.number(1000)}"
    # Reserved by RFC 2606: nobody reads mail there.
    return f"{name.lower()}@example.{choice.of(('com', 'net', 'org'))}"


def _phone(choice: _Choice, _value: str) -> str:
    # 555-0100 to 555-0199 is kept for fiction in every North American area code.
    return f"+1 {200 + choice.number(700)} 555 01{choice.number(100):02d}"


def _address(choice: _Choice, value: str) -> str:
    if ":" in value:  # documentation prefix of RFC 3849
        return f"2001:db8:{choice.number(65536):x}:{choice.number(65536):x}::{choice.number(65535) + 1:x}"
    # Documentation blocks of RFC 5737.
    return f"{choice.of(('192.0.2', '198.51.100', '203.0.113'))}.{1 + choice.number(254)}"


def _url(choice: _Choice, _value: str) -> str:
    return f"https://{choice.of(_PLACES).lower()}{choice.number(1000)}.example.org"


def _card(choice: _Choice, value: str) -> str:
    # 4000 00 is the test range of card networks; the last digit makes the Luhn sum right.
    digits = [4, 0, 0, 0, 0, 0, *(choice.number(10) for _ in range(9))]
    odd = sum(sum(divmod(digit * 2, 10)) for digit in digits[::2])
    number = "".join(map(str, (*digits, -(odd + sum(digits[1::2])) % 10)))
    separator = next((mark for mark in value if not mark.isdigit()), "")
    return separator.join(number[start : start + 4] for start in range(0, 16, 4))


def _ssn(choice: _Choice, value: str) -> str:
    # Areas from 900 on are never issued.
    digits = f"{900 + choice.number(100)}{choice.number(100):02d}{choice.number(10000):04d}"
    supply = iter(digits)
    return "".join(next(supply, "0") if mark.isdigit() else mark for mark in value)


def _shaped(choice: _Choice, value: str) -> str:
    """Keep what is neither letter nor digit, and choose the rest anew."""

    def other(mark: str) -> str:
        if mark.isdigit():
            return str(choice.number(10))
        if mark.isalpha():
            letter = "ABCDEFGHJKLMNPRSTUVWXYZ"[choice.number(23)]
            return letter if mark.isupper() else letter.lower()
        return mark

    return "".join(map(other, value))


_MAKERS: Mapping[str, Callable[[_Choice, str], str]] = {
    "CREDIT_CARD": _card,
    "EMAIL_ADDRESS": _email,
    "IP_ADDRESS": _address,
    "LOCATION": _place,
    "ORGANIZATION": _organisation,
    "PERSON": _person,
    "PHONE_NUMBER": _phone,
    "URL": _url,
    "US_SSN": _ssn,
}
