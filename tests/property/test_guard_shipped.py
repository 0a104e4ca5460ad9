"""The shipped rules and recognizers, streamed: what the whole text masks is masked, and never shown in any chunking."""

import random
import string

import pytest

from sidecar.core.guard import TextGuard
from sidecar.core.splice import apply_edits
from sidecar.model import Segment, Verdict

LETTERS = string.ascii_letters + string.digits
WORDS = [
    "the",
    "quick",
    "brown",
    "fox",
    "and",
    "then",
    "said",
    "that",
    "it",
    "was",
    "fine",
    ".",
    ",",
    ":",
    "(",
    ")",
    "\n",
    "12",
    "2024",
    "a",
    "b-c",
    "Bob's",
    "it's",
    "e.g.",
    "don't",
]


def luhn(digits):
    """Append the check digit."""
    doubled = [sum(divmod(2 * int(d), 10)) if i % 2 == 0 else int(d) for i, d in enumerate(reversed(digits))]
    return digits + str(-sum(doubled) % 10)


def values(rng):
    """Return makers of values, each from its grammar."""

    def some(count, letters=LETTERS):
        return "".join(rng.choice(letters) for _ in range(count))

    return [
        lambda: f"{some(6).lower()}.{some(4).lower()}@{some(7).lower()}.com",
        lambda: luhn("4" + some(14, string.digits)),
        lambda: f"ghp_{some(36)}",
        lambda: "my phone number is 212-555-0" + some(3, string.digits),
        lambda: "AKIA" + some(16, string.ascii_uppercase + "234567"),
        lambda: f"password = '{some(11)}7'",
        lambda: f"192.168.{rng.randrange(256)}.{rng.randrange(256)}",
    ]


def check(snapshot, seed, count):
    """Compare streamed and whole on random texts; return how many texts were masked."""
    rng = random.Random(seed)
    makers = values(rng)
    judge = snapshot.filter()
    masked = 0
    for _ in range(count):
        text = " ".join(
            rng.choice(makers)() if rng.random() < 0.3 else rng.choice(WORDS) for _ in range(rng.randint(3, 14))
        )
        decision = judge.engine.judge((Segment(text, "response.text"),), judge.lane)
        if decision.verdict is not Verdict.MASK:
            continue
        masked += 1
        for size in (1, 3, 7):
            guard = TextGuard(judge.engine, judge.lane)
            shown = "".join(guard.receive(text[i : i + size]) for i in range(0, len(text), size)) + guard.finish()
            kept = apply_edits(text, decision.edits)
            leaked = [
                text[e.start : e.end] for e in decision.edits if e.end - e.start > 5 and text[e.start : e.end] in shown
            ]

            assert not [value for value in leaked if value not in kept], text
    return masked


def test_shipped_rules_release_nothing_that_the_whole_text_masks(snapshot):
    """E-mail addresses, cards, tokens, telephone numbers, passwords: masked whole is masked streamed."""
    assert check(snapshot, 7, 120) > 40


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_shipped_rules_on_many_texts(snapshot, seed):
    """The long suite."""
    assert check(snapshot, seed, 2000) > 500


def compare(snapshot, seed, count):
    """Compare what is shown with the whole text's result, character for character; return how many texts were masked."""
    rng = random.Random(seed)
    makers, judge, masked = values(rng), snapshot.filter(), 0
    for _ in range(count):
        text = " ".join(
            rng.choice(makers)() if rng.random() < 0.3 else rng.choice(WORDS) for _ in range(rng.randint(3, 14))
        )
        decision = judge.engine.judge((Segment(text, "response.text"),), judge.lane)
        masked += decision.verdict is Verdict.MASK
        for size in (1, 3, 7, rng.randint(8, 60)):
            guard = TextGuard(judge.engine, judge.lane)
            shown = "".join(guard.receive(text[i : i + size]) for i in range(0, len(text), size)) + guard.finish()

            assert (guard.decision.verdict, shown) == (decision.verdict, apply_edits(text, decision.edits)), (
                size,
                text,
            )
    return masked


def test_shipped_rules_streamed_give_the_whole_texts_result(snapshot):
    """Nothing more is masked and nothing less."""
    assert compare(snapshot, 3, 60) > 30


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", range(5))
def test_ten_thousand_texts_streamed_give_the_whole_texts_result(snapshot, seed):
    """The long suite: 10,000 texts, four chunkings each."""
    assert compare(snapshot, 100 + seed, 2000) > 1000


# What answers are made of; the longest thing that could become a match in each is a line of code or an address.
ANSWERS = [
    "The harbour lights were bright, and the market closed late; so we walked home along the river. " * 6,
    "Here is the plan:\n\n1. **Measure** the old pump (see [the manual](https://docs.example.com/pump/manual#page-12)).\n"
    "2. Order `part-7731`, then wait.\n\n| part | price |\n|---|---|\n| valve | 12.50 |\n" * 4,
    "```python\ndef total(rows: list[dict[str, int]]) -> int:\n    # a comment\n    return sum(row['price'] * row.get('n', 1)"
    " for row in rows if row['kind'] in {'valve', 'pump'})\n```\n" * 4,
    '{"name": "pump", "parts": [{"id": 7731, "price": 12.5, "note": "fits both"}, {"id": 7732, "price": 3}], "ok": true}\n'
    * 5,
    '<table><tr><td class="price">12.50</td><td><a href="https://example.com/a?b=c&d=e">more</a></td></tr></table>\n'
    * 4,
    "Der Hafen war hell, und der Markt schloss spät. 港の灯りは明るかった。Гавань была светлой, и рынок закрылся поздно.\n"
    * 4,
]


@pytest.mark.parametrize("size", [1, 4, 40])
@pytest.mark.parametrize("text", ANSWERS)
def test_little_is_held_back(snapshot, text, size):
    """At most 256 characters wait under the shipped rules, in prose, code, tables and addresses."""
    judge = snapshot.filter()
    guard, came, shown = TextGuard(judge.engine, judge.lane), 0, 0
    for start in range(0, len(text), size):
        shown += len(guard.receive(text[start : start + size]))
        came += len(text[start : start + size])

        assert came - shown <= 256
