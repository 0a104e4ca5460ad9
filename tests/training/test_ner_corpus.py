"""Corpora become tokens and tags, and the held-out documents stay out."""

import gzip
import json

import pytest

from sidecar.errors import ConfigError
from sidecar.training.ner_corpus import TWEETS, WEB, WIKI, Example, annotate, cut, labelled, put, spans_of, unlabelled


def write(path, records):
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(record) + "\n" for record in records)


def test_spans_become_tags():
    """One token is U, several are B, I and L; white space has no token."""
    example = annotate("Ada  King Lovelace of Rome", [(0, 18, "PERSON"), (22, 26, "LOCATION")], WEB)

    assert example == Example(
        ["Ada", "King", "Lovelace", "of", "Rome"], ["B-PERSON", "I-PERSON", "L-PERSON", "O", "U-LOCATION"], WEB
    )


def test_tags_become_spans():
    """The way back."""
    assert spans_of(["O", "B-X", "I-X", "L-X", "U-Y", "B-Z", "L-Z"]) == [(1, 4, "X"), (4, 5, "Y"), (5, 7, "Z")]


def test_entities_that_meet_are_dropped():
    """The first one stays."""
    tags = ["O", "U-A", "O"]
    put(tags, [0, 1], "B")

    assert tags == ["O", "U-A", "O"]


def test_long_sentence_is_cut_with_its_last_entity():
    """No tag sequence ends in the middle of an entity."""
    tags = ["O"] * 98 + ["B-X", "I-X", "I-X", "L-X"]
    example = cut(Example(["word"] * 102, tags))

    assert (example.tags[97:], len(example.tokens)) == (["O", "B-X", "L-X"], 100)


def test_sources_have_their_domain(tmp_path):
    """Web text, tweets and wiki are told apart."""
    sources = ("uner-ewt-train", "wnut17-train", "crossner-ai")
    write(tmp_path / "ner.jsonl.gz", [{"text": "Ada", "spans": [], "source": source} for source in sources])

    assert [labelled(tmp_path)[source][0].domain for source in sources] == [WEB, TWEETS, WIKI]


def test_unlabelled_is_english_and_benign_and_once(tmp_path):
    """Attacks, other languages, code and repeated sentences are left out."""
    text = "This is one sentence. And here is another one."
    write(
        tmp_path / "injection.jsonl.gz",
        [
            {"text": text, "label": "benign", "lang": "en", "source": "a"},
            {"text": text, "label": "benign", "lang": "en", "source": "b"},
            {"text": "An attack is what this is.", "label": "attack", "lang": "en", "source": "a"},
            {"text": "Das ist ein Satz.", "label": "benign", "lang": "de", "source": "a"},
            {"text": "import this as that", "label": "benign", "lang": "en", "source": "oss-code-A"},
        ],
    )

    assert [" ".join(sentence) for sentence in unlabelled(tmp_path)] == [
        "This is one sentence .",
        "And here is another one .",
    ]


def test_missing_corpus_is_named(tmp_path):
    """The error names the file."""
    with pytest.raises(ConfigError, match=r"ner\.jsonl\.gz: no such corpus"):
        labelled(tmp_path)
