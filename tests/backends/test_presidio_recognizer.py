"""Presidio behind gates: attacks, failures, own recognizer files, hard text and long documents."""

import gc
import os
import random
import subprocess
import sys
import time
import tracemalloc

import pytest

from sidecar.backends import presidio_load, presidio_windows
from sidecar.backends.presidio_recognizer import PresidioRecognizer
from sidecar.backends.presidio_settings import Settings
from sidecar.errors import ConfigError, RecognizerError
from tests.presidio_twin import Fast, Twin

MAIL, PHONE, CARD = "bob@example.com", "+1 212 555 0187", "4111 1111 1111 1111"


@pytest.fixture(scope="module")
def fast():
    return Fast(Settings())


@pytest.fixture(scope="module")
def twin():
    return Twin(Settings())


def _file(tmp_path, text):
    path = tmp_path / "own.yaml"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("size", [1000, 16_000, 64_000])
def test_an_address_behind_an_attack_is_found(fast, size):
    """Presidio alone takes 33 s for 16,000 characters of this, or skips the pattern."""
    begin = time.process_time()
    found = fast.find("a." * (size // 2) + " " + MAIL)

    assert ("EMAIL_ADDRESS", size + 1, size + 1 + len(MAIL), 1.0) in found
    assert time.process_time() - begin < 5


@pytest.mark.parametrize("attack", ["a." * 8000 + "@", "." * 4000 + "com/" + "." * 4000 + "com", "1-" * 20_000])
def test_an_attack_ends_in_findings_or_a_failure(fast, attack):
    """Within seconds; never in silence about a text that was not inspected."""
    begin = time.process_time()
    try:
        found = fast.find(attack + f" {MAIL}")
    except RecognizerError:
        found = None

    assert found is None or ("EMAIL_ADDRESS", len(attack) + 1, len(attack) + 1 + len(MAIL), 1.0) in found
    assert time.process_time() - begin < 20


def test_a_timeout_is_a_failure(monkeypatch):
    """Presidio would log it and go on without the pattern."""
    monkeypatch.setattr(presidio_load, "PATTERN_SECONDS", 1e-9)
    slow = Fast(Settings())

    with pytest.raises(RecognizerError, match="out of time"):
        slow.find("b." * 4000 + "@" + "a." * 4000 + MAIL)

    monkeypatch.undo()
    presidio_load.load(Settings())  # gives Presidio's own timeouts back their value


def test_the_log_record_of_a_timeout_is_a_failure():
    """For recognizers with a loop of their own."""
    import logging

    with pytest.raises(RecognizerError):
        logging.getLogger("presidio-analyzer").warning("Regex pattern '%s' timed out after %s seconds", "x", 1)


def test_an_exception_of_a_recognizer_is_a_failure_without_text(fast, monkeypatch):
    """Whatever Presidio raises, the text was not inspected."""

    def fail(*_args, **_kwargs):
        raise ValueError(MAIL)

    monkeypatch.setattr(fast.recognizer, "_analyse", fail)
    with pytest.raises(RecognizerError) as caught:
        fast.find(MAIL)

    assert MAIL not in str(caught.value)


def test_nothing_is_logged(fast, caplog):
    """Presidio quotes matched text in its records."""
    fast.find(f"{MAIL} {CARD} GB82 WEST 1234 5698 7654 33")

    assert caplog.records == []


@pytest.mark.parametrize(
    "around", ["👩‍👩‍👧", "e\u0301", "שלום", "مرحبا", "\u202e", "中文", "ı", "\U0001f1e9\U0001f1ea"]
)
def test_spans_are_exact_beside_hard_characters(fast, twin, around):
    """Emoji, combining characters, right-to-left text."""
    text = f"{around} {MAIL} {around}\n{PHONE} {around} {CARD}{around}"
    found = fast.find(text)

    assert found == twin.find(text)
    assert {text[start:end] for entity, start, end, _ in found if entity == "EMAIL_ADDRESS"} == {MAIL}


def test_own_recognizers_are_found_and_equal(tmp_path):
    """Patterns, deny lists, context words and thresholds of a Presidio file."""
    path = _file(
        tmp_path,
        """
recognizers:
  - name: Employee
    supported_entity: EMPLOYEE_ID
    supported_language: en
    patterns: [{name: weak, regex: '\\bE[0-9]{5}\\b', score: 0.3}]
    context: [employee, staff]
  - name: Projects
    supported_entity: PROJECT
    supported_language: en
    deny_list: [Blue Heron, Ünïcode-X]
""",
    )
    settings = Settings(files=(path,), allow_list=("E00000",))
    pair = Twin(settings), Fast(settings)
    for text in (
        "The staff badge E12345 works on Blue Heron.",
        "E12345, e54321; xE12345 E123456 blue heron ÜNÏCODE-X E00000 BLUE HERONS",
        "nothing at all",
    ):
        expected, found = (system.find(text) for system in pair)

        assert found == expected
    assert ("EMPLOYEE_ID", 16, 22, 0.65) in [
        (e, s, t, round(c, 2)) for e, s, t, c in pair[1].find("The staff badge E12345.")
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("recognizers: [", "not YAML"),
        ("nothing: here", "expected a list `recognizers`"),
        ("recognizers: [{supported_entity: X}]", "with a `name`"),
        (
            "recognizers: [{name: A, supported_entity: X, supported_language: en, patterns: [{name: p, regex: '(', score: 1}]}]",
            "Invalid regex",
        ),
        (
            "recognizers: [{name: A, supported_entity: X, supported_language: en, patterns: [{name: p, regex: a, score: 7}]}]",
            "Invalid score",
        ),
        ("recognizers: [{name: A, supported_entity: X, supported_language: en}]", "patterns"),
        ("recognizers: [{name: NoSuchRecognizer, type: predefined}]", "NoSuchRecognizer"),
        (
            "recognizers: [{name: A, supported_entity: X, supported_language: xx, deny_list: [a]}]",
            "none of its recognizers",
        ),
        (
            "recognizers: [{name: A, supported_entity: X, supported_language: en, deny_list: [a], colour: red}]",
            "colour",
        ),
    ],
)
def test_an_invalid_recognizer_file_is_named(tmp_path, content, message):
    """With what is wrong, before anything is served."""
    path = _file(tmp_path, content)
    with pytest.raises(ConfigError, match=message) as caught:
        PresidioRecognizer(Settings(files=(path,)))

    assert str(caught.value).startswith(path)


def test_settings_that_select_nothing_are_refused():
    """An unknown country or file."""
    with pytest.raises(ConfigError, match="atlantis"):
        PresidioRecognizer(Settings(countries=("atlantis",)))
    with pytest.raises(ConfigError, match="No such file"):
        PresidioRecognizer(Settings(files=("/nowhere/own.yaml",)))


def test_a_long_document_loses_nothing_at_a_boundary(fast):
    """Entities at every place around the pieces' ends."""
    for shift in range(0, 80, 3):
        text = (
            "word " * ((presidio_windows.CHUNK - 80) // 5)
            + "x" * shift
            + f" call {PHONE}, mail {MAIL}. "
            + "word " * 4000
        )
        found = fast.find(text)

        assert [
            (entity, text[start:end]) for entity, start, end, _ in found if entity in ("PHONE_NUMBER", "EMAIL_ADDRESS")
        ] == [
            ("EMAIL_ADDRESS", MAIL),
            ("PHONE_NUMBER", PHONE),
        ]


def test_pieces_find_what_the_whole_finds(fast, twin):
    """A document of 40,000 characters with entities strewn over it."""
    random_ = random.Random(8)
    words = ["the", "report", "number", "of", "account", "\n", "and", "12", "bank", "driver license", "x" * 50]
    parts = []
    for _ in range(6000):
        parts.append(random_.choice(words))
        if random_.random() < 0.02:
            parts.append(random_.choice([MAIL, PHONE, CARD, "10.1.2.3", "378-05-1120", "https://example.org/a/b"]))
    text = " ".join(parts)

    assert fast.find(text) == twin.find(text)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_five_megabytes_in_bounded_memory(fast):
    """Every entity of a 5 MB document, with less than 40 MB more than the text."""
    filler = "An ordinary line of an ordinary document, which says very little. " * 40
    count = 5_000_000 // (len(filler) + 20)
    text = "".join(f"{filler}{MAIL} {index}\n" for index in range(count))
    gc.collect()
    tracemalloc.start()
    found = fast.find(text)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert sum(entity == "EMAIL_ADDRESS" for entity, *_ in found) == count
    assert peak < 40 * 2**20


def test_presidio_is_imported_without_spacy_and_offline(tmp_path):
    """In a fresh process: no spaCy, no NLP engine, no socket, less than 90 MB; and the same recognizers."""
    script = """
import socket, sys
def refuse(*args, **kwargs): raise SystemExit("network")
socket.socket.connect = refuse
from sidecar.backends.presidio_settings import Settings
from sidecar.backends.presidio_recognizer import PresidioRecognizer
recognizer = PresidioRecognizer(Settings())
found = recognizer.find("Mail bob@example.co.uk now", range(len(recognizer.gates)))
resident = int(open("/proc/self/statm").read().split()[1]) * 4 // 1024
print(sorted(item.entity for item in found), "spacy" in sys.modules, resident < 90)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": "."},
    )

    assert done.stdout.strip() == "['EMAIL_ADDRESS', 'URL'] False True", done.stderr


def test_staged_recognizers_are_presidios_own():
    """The same names, patterns, contexts and scores as the registry of the whole package, in a fresh process each."""
    describe = """
def describe(recognizers):
    for r in sorted(recognizers, key=lambda r: (r.name, r.supported_language)):
        if r.name != "SpacyRecognizer":
            print(r.name, r.supported_language, r.supported_entities, r.context, r.global_regex_flags if hasattr(r, "patterns") else "",
                  [(p.name, p.regex, p.score) for p in getattr(r, "patterns", [])])
"""
    staged = describe + "from sidecar.backends.presidio_load import *\ndescribe(load(Settings()).recognizers)"
    whole = describe + (
        "from presidio_analyzer.recognizer_registry import RecognizerRegistryProvider as P\n"
        "describe(P(registry_configuration={'supported_languages': ['en']}).create_recognizer_registry().recognizers)"
    )
    answers = [
        subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": "."},
        ).stdout
        for script in (staged, whole)
    ]

    assert answers[0] == answers[1]
    assert "UsSsnRecognizer" in answers[0]
