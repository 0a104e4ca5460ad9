"""The recognizer: exact places in any text, any pipeline, and never silence for failure."""

import gzip
import json
from pathlib import Path

import pytest
import spacy

from sidecar.backends.ner import NerRecognizer
from sidecar.backends.ner_settings import SHIPPED_MODEL, NerSettings
from sidecar.backends.ner_windows import WINDOW
from sidecar.core.scan import Found
from sidecar.errors import ConfigError, RecognizerError

CORPUS = Path(__file__).parents[3] / "shared" / "corpora" / "ner.jsonl.gz"
SIZE_LIMIT = 15 * 2**20


@pytest.fixture(scope="module")
def recognizer():
    return NerRecognizer.load()


def foreign(*labels):
    pipeline = spacy.blank("en")
    ruler = pipeline.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": label, "pattern": label.lower()} for label in labels])
    return pipeline


def entities(text, found):
    return [(one.entity, text[one.start : one.end]) for one in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("My name is Margaret Atwater.", [("PERSON", "Margaret Atwater")]),
        ("my name is margaret and i live in toronto", [("PERSON", "margaret"), ("LOCATION", "toronto")]),
        (
            "Dr. Okonkwo moved from Lagos to Berlin.",
            [("PERSON", "Okonkwo"), ("LOCATION", "Lagos"), ("LOCATION", "Berlin")],
        ),
        ("She works at Siemens in Munich.", [("ORGANIZATION", "Siemens"), ("LOCATION", "Munich")]),
        ("Please call Nguyen Thi Lan tomorrow.", [("PERSON", "Nguyen Thi Lan")]),
        ("How do I sort a list in Python?", []),
        ("for item in items: print(item.name)", []),
    ],
)
def test_shipped_model_finds(recognizer, text, expected):
    """Plain cases, one of each kind."""
    assert expected == entities(text, recognizer.find([text])[0])


@pytest.mark.parametrize(
    "noise",
    [
        "\U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467 ",
        "e\u0301\u0301 ",
        "\ud83d ",
        "\u202eabc\u202c ",
        "\r\n\t ",
        "\u05e9\u05dc\u05d5\u05dd ",
    ],
)
def test_places_are_code_points(recognizer, noise):
    """Emoji, combining characters, lone surrogates, right-to-left marks and line ends before a name do not move it."""
    text = noise + "My name is Margaret Atwater."

    assert ("PERSON", "Margaret Atwater") in entities(text, recognizer.find([text])[0])


def test_answers_in_order(recognizer):
    """Each text has its own findings; texts without any have an empty list."""
    found = recognizer.find(["", "Hello there.", "I met Margaret Atwater.", "x"])

    assert [len(each) for each in found] == [0, 0, 1, 0]


def test_scores_are_shares(recognizer):
    """Every finding has a confidence above 0 and at most 1."""
    found = recognizer.find(["Margaret Atwater met Siemens in Munich, Paris and Tokyo."])[0]

    assert found
    assert all(0 < one.confidence <= 1 for one in found)


def test_min_score_drops(recognizer):
    """Findings below `min_score` are left out."""
    strict = NerRecognizer(recognizer._pipeline, NerSettings(min_score=1.1))

    assert strict.find(["My name is Margaret Atwater."]) == [[]]


def test_long_text_loses_nothing_at_an_edge():
    """Names anywhere in a text of many windows are found once, at their place."""
    pipeline = foreign("PERSON")
    text = "".join(
        f"{'word ' * (index % 97)}person\n" if index % 5 else f"{'x' * index} person " for index in range(1100)
    )
    expected = [Found("PERSON", span.start_char, span.end_char, 0.85) for span in pipeline(text).ents]

    assert expected == NerRecognizer(pipeline).find([text])[0]
    assert len(text) > 10 * WINDOW


def test_long_text_without_any_space():
    """Text that cannot be cut well is cut anyway; time and memory stay bounded."""
    assert NerRecognizer(foreign("PERSON")).find(["a" * (3 * WINDOW)]) == [[]]


def test_any_pipeline_may_take_its_place():
    """Labels of usual spaCy models are mapped to ours; others are dropped."""
    recognizer = NerRecognizer(foreign("GPE", "ORG", "PERSON", "CARDINAL"))
    text = "gpe org person cardinal"

    assert entities(text, recognizer.find([text])[0]) == [
        ("LOCATION", "gpe"),
        ("ORGANIZATION", "org"),
        ("PERSON", "person"),
    ]


def test_pipeline_from_a_folder(tmp_path):
    """`model` may name any folder that `spacy.load` takes."""
    foreign("PER").to_disk(tmp_path / "other")
    recognizer = NerRecognizer.load(NerSettings(model=str(tmp_path / "other"), score=0.5))

    assert recognizer.find(["per"]) == [[Found("PERSON", 0, 3, 0.5)]]


@pytest.mark.parametrize("damage", ["missing", "empty", "truncated"])
def test_model_that_does_not_load_is_a_clear_error(tmp_path, damage):
    """A missing folder, an empty one, and broken weights are refused with the setting's name."""
    folder = tmp_path / "model"
    if damage == "empty":
        folder.mkdir()
    if damage == "truncated":
        spacy.load(SHIPPED_MODEL).to_disk(folder)
        weights = folder / "ner" / "model.npz"
        weights.write_bytes(weights.read_bytes()[:1000])

    with pytest.raises(ConfigError, match=r"^ner\.model: "):
        NerRecognizer.load(NerSettings(model=str(folder)))


def test_pipeline_that_fails_is_no_silence():
    """An exception inside a pipeline becomes RecognizerError, without the text."""
    pipeline = foreign("PERSON")

    @spacy.Language.component("portcullis_test_failure")
    def fail(doc):
        raise ValueError(doc.text)

    pipeline.add_pipe("portcullis_test_failure")

    with pytest.raises(RecognizerError) as caught:
        NerRecognizer(pipeline).find(["secret person"])
    assert "secret" not in str(caught.value)


def test_memory_does_not_grow(recognizer):
    """Random words leave nothing behind in spaCy's string store."""
    strings = recognizer._pipeline.vocab.strings
    recognizer.find(["Margaret Atwater"])
    before = len(strings)
    recognizer.find([f"Margaret Zq{number}xv lives here" for number in range(2000)])

    assert before == len(strings)


def test_gate_spares_plain_text(recognizer):
    """A text without any word that may be a name is not read, one with a name in small letters is."""
    assert not recognizer.could_hold_name("how do i sort a list of numbers?")
    assert recognizer.could_hold_name("call margaret about the list")


def test_shipped_model_is_small():
    """The model stays within 15 MiB, its card and licence notes beside it."""
    assert sum(path.stat().st_size for path in SHIPPED_MODEL.rglob("*")) < SIZE_LIMIT
    assert "CC BY-SA" in (SHIPPED_MODEL / "MODEL_CARD.md").read_text()


@pytest.mark.corpora
@pytest.mark.skipif(not CORPUS.exists(), reason="needs ../shared/corpora")
def test_held_out_web_text(recognizer):
    """On documents that training did not see, typed F1 is at least 0.72 and that of PERSON at least 0.80."""
    with gzip.open(CORPUS, "rt", encoding="utf-8") as lines:
        records = [record for record in map(json.loads, lines) if record["source"] == "uner-ewt-dev"]
    gold, mine = set(), set()
    for number, (record, found) in enumerate(
        zip(records, recognizer.find([record["text"] for record in records]), strict=True)
    ):
        gold |= {(number, span["start"], span["end"], span["type"]) for span in record["spans"]}
        mine |= {(number, one.start, one.end, one.entity) for one in found}

    assert _f1(gold, mine) >= 0.72
    assert _f1({one for one in gold if one[3] == "PERSON"}, {one for one in mine if one[3] == "PERSON"}) >= 0.80


def _f1(gold, mine):
    return 2 * len(gold & mine) / (len(gold) + len(mine))
