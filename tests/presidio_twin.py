"""The slow twin of the accelerated recognizers: a plain `AnalyzerEngine` with all of Presidio's recognizers."""

from __future__ import annotations

import random
from typing import Any

from sidecar.backends import presidio_load
from sidecar.backends.hyperscan_scanner import HyperscanScanner
from sidecar.backends.plain_nlp import PlainNlpEngine
from sidecar.backends.presidio_recognizer import PresidioRecognizer
from sidecar.backends.presidio_settings import Settings

# Every country that Presidio 2.2.366 has recognizers of.
COUNTRIES = ("au", "ca", "de", "es", "fi", "in", "it", "kr", "ng", "ph", "pl", "se", "sg", "th", "tr", "uk", "us", "za")

Finding = tuple[str, int, int, float]


class _Registry:
    def __init__(self, recognizers: list[Any], language: str) -> None:
        self.recognizers = recognizers
        self.supported_languages = [language]

    def get_recognizers(self, **_request: Any) -> list[Any]:
        return list(self.recognizers)

    def validate_nlp_engine_compatibility(self, _engine: Any) -> None: ...


class Twin:
    """Presidio as it is: every recognizer over the whole text."""

    def __init__(self, settings: Settings) -> None:
        presidio = presidio_load.load(settings)
        self._remove_duplicates = presidio.remove_duplicates
        self._allow = {"allow_list": list(settings.allow_list) or None, "allow_list_match": settings.allow_list_match}
        self.recognizers = presidio.recognizers
        self._engines = {}
        languages = tuple(dict.fromkeys(recognizer.supported_language for recognizer in presidio.recognizers))
        for language in languages:
            own = [item for item in presidio.recognizers if item.supported_language == language]
            entities = [entity for item in own for entity in item.supported_entities]
            engine = presidio.engine(
                registry=_Registry(own, language),
                nlp_engine=PlainNlpEngine(languages),
                supported_languages=[language],
                default_score_threshold=settings.score_threshold,
            )
            self._engines[language] = (engine, entities)

    def find(self, text: str) -> list[Finding]:
        results: list[Any] = []
        for language, (engine, entities) in self._engines.items():
            results += engine.analyze(text, language, entities, **self._allow)
        if len(self._engines) > 1:
            results = self._remove_duplicates(results)
        return sorted((item.entity_type, item.start, item.end, item.score) for item in results)


class Fast:
    """The same recognizers behind gates."""

    def __init__(self, settings: Settings) -> None:
        self.recognizer = PresidioRecognizer(settings)
        self.scanner = HyperscanScanner(self.recognizer.gates)

    def find(self, text: str) -> list[Finding]:
        fired = self.scanner.scan(text)
        found = self.recognizer.find(text, fired) if fired else []
        return sorted((item.entity, item.start, item.end, item.confidence) for item in found)


_DIGITS = ("0123456789", "0123456789", "0123456789", "٠١٢٣٤٥٦٧٨٩", "０１２３４５６７８９")
_PIECES = (
    *(
        "bob@example.com",
        "a.b-c@mail.example.co.uk",
        "@",
        "x@y",
        "http://ex-am.ple.org/a?b=c",
        "'www.site.net'",
        '"a.io/x"',
        "foo.app",
    ),
    *(
        "4111 1111 1111 1111",
        "5500-0000-0000-0004",
        "078-05-1120",
        "378 05 1120",
        "9 1 2",
        "DE89370400440532013000",
        "GB82 WEST 1234 5698 7654 32",
    ),
    *(
        "+1 212 555 0187",
        "(030) 1234567",
        "020 7946 0958 ext. 12",
        "1640",
        "+49-30-123456 #7",
        "2024-10-12",
        "3/4/99",
        "JAN-2020",
        "::1",
        "fe80::1%eth0",
    ),
    *(
        "192.168.1.1",
        "::ffff:10.0.0.1",
        "00:1A:2B:3C:4D:5E",
        "0012.3456.789A",
        "123e4567-e89b-12d3-a456-426614174000",
        "AB1234567",
        "A12345678",
        "B2",
        "H1234",
    ),
    *(
        "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2",
        "ſſn",
        "Kiosk",
        "İstanbul",
        "ınfo",
        "é",
        "👩‍👩‍👧",
        "שלום",
        "e\u0301",
        "\u200b",
        "\u00a0",
    ),
    *(
        "ssn",
        "bank account",
        "driver license",
        "passport",
        "phone number",
        "credit card",
        "email:",
        "IBAN",
        "nhs",
        "wallet",
        "date",
        "url",
        "ip",
    ),
    *(
        "the",
        "and",
        "is",
        "of",
        "my",
        "Mr.",
        "WB5",
        "PO1 3AX",
        "QQ 12 34 56 C",
        "ABCPD1234E",
        "51824753556",
        "HRB 1234",
        "B-AB 123",
    ),
)
_GLUE = (" ", " ", " ", "", ",", ". ", "\n", "-", ": ", "\t", "/", "(", ")", "'")


def fuzz_text(random_: random.Random) -> str:
    """Return a text of pieces, digits and signs, put together at random."""
    parts = []
    for _ in range(random_.randint(1, 14)):
        kind = random_.random()
        if kind < 0.6:
            parts.append(random_.choice(_PIECES))
        elif kind < 0.85:
            digits = random_.choice(_DIGITS)
            parts.append("".join(random_.choice(digits) for _ in range(random_.randint(1, 17))))
        else:
            letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_@:/ſKİ"
            parts.append("".join(random_.choice(letters) for _ in range(random_.randint(1, 18))))
        parts.append(random_.choice(_GLUE))
    return "".join(parts)
