"""Peers look for the same things as we do: a peer that misses matches would be fast for nothing."""

from benchmarks.peers.patterns import expressions, re2_set, re_loop
from benchmarks.texts import KINDS, batch, text_of


def test_re2_finds_what_re_finds(snapshot):
    """On every kind of text, for every expression that RE2 takes."""
    patterns = expressions(snapshot.bundle.rule_set.rules)
    re2, refused = re2_set(patterns)
    together = re_loop(patterns)

    assert refused / len(patterns) < 0.05
    for kind in KINDS:
        text = text_of(kind, 2000)
        assert len(together(text)) == len(re2(text))
    assert together(text_of("attack", 2000))


def test_texts_are_what_their_kind_says(check):
    """Clean text is allowed, attacks are blocked, personal data is masked; lengths are in bytes."""
    verdicts = {kind: check.check_text(text_of(kind, 1024)).decision.verdict.label for kind in KINDS}

    assert verdicts == {"clean": "allow", "attack": "block", "non-ASCII": "allow", "PII": "mask"}
    for kind in KINDS:
        for length in (100, 1024, 10_000):
            assert length - 3 <= len(text_of(kind, length).encode()) <= length
    assert len({text for text in batch(64, 256) if len(text) == 256}) == 64
