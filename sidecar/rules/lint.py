"""Validators of rule files: per rule, then across rules; all faults at once, each with `path:line`."""

from __future__ import annotations

import random
import re
import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from sidecar.errors import BundleError
from sidecar.model import Rule
from sidecar.rules import regexes
from sidecar.rules.bundle import CASELESS, MANIFEST, Document, Reading, expand_targets, read_leniently
from sidecar.rules.documents import line_of, top_level_keys
from sidecar.rules.samples import expand
from sidecar.rules.schema import MatchSchema, RuleSchema

# Streamed answers are held back by the widest rule on them; 2,048 holds a long token, and is 500 tokens of delay at most.
RESPONSE_WIDTH_LIMIT = 2048
# Longer than a PEM block of a 4,096-bit RSA key; a wider request rule is several rules.
REQUEST_WIDTH_LIMIT = 8192
KEYWORD_MINIMUM = 3
# A rule that matches more than once in 16 bytes floods its reader (measured: 200 such rules, 33 s for 1 MiB).
FLOOD_BYTES = 64 * 1024
FLOOD_SPACING = 16
_STABLE_CASES = 2


class Checked(NamedTuple):
    """A rule under the validators: its file, and the rule it makes."""

    document: Document
    rule: Rule

    def fault(self, message: str, *keys: str | int) -> str:
        """Write a fault with the line of what it is about."""
        line = line_of(self.document.data, self.document.path, *keys)
        return f"{self.document.path}:{line}: {message}"


def lint(files: Mapping[str, bytes], *, progress: Callable[[], None] = lambda: None) -> list[str]:
    """Check a bundle against the house rules.

    Args:
        files: content by path relative to the bundle's root.
        progress: called after each rule.

    Returns:
        Every fault as `path:line: sentence`, in order of files and lines; empty where there is none.
    """
    reading = read_leniently(files)
    faults = list(reading.faults)
    rules = {rule.id: rule for rule in reading.rules}
    for document in reading.documents:
        rule = rules.get(document.schema.id)
        if rule is not None:
            checked = Checked(document, rule)
            for validate in PER_RULE:
                faults.extend(validate(checked))
        faults.extend(_unknown_tags(document, reading))
        progress()
    for across in ACROSS_RULES:
        faults.extend(across(reading))
    faults.extend(_strays(files, reading))
    return sorted(dict.fromkeys(faults), key=_place)


def _place(fault: str) -> tuple[str, int, str]:
    path, line, sentence = fault.split(":", 2)
    return path, int(line), sentence


# ── per rule ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def names(checked: Checked) -> Iterator[str]:
    """The id is the file's name and begins with the family; the description says what is detected."""
    schema, path = checked.document.schema, checked.document.path
    family, _, stem = path.removesuffix(".yaml").rpartition("/")
    if schema.id != stem:
        yield checked.fault(f"id `{schema.id}` is not the file's name `{stem}`", "id")
    if not schema.id.startswith(f"{family}-"):
        yield checked.fault(f"id `{schema.id}` does not begin with its family: `{family}-…`", "id")
    if not schema.description.startswith("Detects"):
        yield checked.fault("`description` does not begin with `Detects`", "description")


def field_order(checked: Checked) -> Iterator[str]:
    """Fields stand in the order of the format, so that a reader finds them."""
    order = {name: index for index, name in enumerate(RuleSchema.__struct_fields__)}
    previous, rank = "", -1
    for key, line in top_level_keys(checked.document.data, checked.document.path):
        if order[key] < rank:
            yield f"{checked.document.path}:{line}: `{key}` stands after `{previous}`; the order is {', '.join(order)}"
            return
        previous, rank = key, order[key]


def keywords(checked: Checked) -> Iterator[str]:
    """Keywords are long enough to be rare, in the form in which views show them, and free of NUL."""
    schema = checked.document.schema
    caseless = not checked.rule.transforms.isdisjoint(CASELESS)
    for index, match in enumerate(schema.match.any):
        if not match.keywords and schema.status != "experimental":
            yield checked.fault("needs `keywords`; only an experimental rule may do without", "match", "any", index)
        for kind, words in (("keywords", match.keywords), ("also", match.also)):
            for number, word in enumerate(words):
                at = ("match", "any", index, kind, number)
                if len(word) < KEYWORD_MINIMUM and word.isascii():
                    yield checked.fault(f"keyword `{word}` is shorter than {KEYWORD_MINIMUM} and fires everywhere", *at)
                if caseless and word != word.casefold():
                    yield checked.fault(f"keyword `{word}` is never seen: views are case-folded", *at)
                if "\0" in word:
                    yield checked.fault("a NUL character truncates what is compiled; write a keyword without it", *at)


def expressions(checked: Checked) -> Iterator[str]:
    """Each regex is in the common subset of Hyperscan and Python, bounded, cheap to try, and needs a keyword."""
    for index, match in enumerate(checked.document.schema.match.any):
        if match.regex is None:
            if match.also and any(target.startswith("response.") for target in checked.rule.targets):
                yield checked.fault(
                    "`also` without a regex: a stream cannot wait for a word that may come later; write a regex with both",
                    *("match", "any", index, "also"),
                )
            continue
        at = ("match", "any", index, "regex")
        for sentence in _expression_faults(match, checked.rule):
            yield checked.fault(sentence, *at)


def _expression_faults(match: MatchSchema, rule: Rule) -> Iterator[str]:
    assert match.regex is not None
    tree = regexes.parse(match.regex)
    if "\0" in match.regex:
        yield r"a NUL character truncates what is compiled; write `\x00`"
    for part in regexes.foreign_parts(tree):
        yield f"{part} is outside what Hyperscan and Python share"
    low, high = regexes.width(match.regex)
    limit = RESPONSE_WIDTH_LIMIT if any(t.startswith("response.") for t in rule.targets) else REQUEST_WIDTH_LIMIT
    if low == 0:
        yield "the regex matches the empty text"
    if high is None:
        yield "a quantifier has no upper bound; write `{0,n}`"
    elif high > limit:
        yield f"a match may be {high} characters wide; the limit for these targets is {limit}"
    ways = regexes.work(tree)
    if ways > regexes.WORK_LIMIT:
        yield (
            "catastrophic backtracking: nested or adjacent quantifiers, or alternatives, can split the same text in "
            f"{'countless' if ways == float('inf') else format(ways, '.0f')} ways (limit {regexes.WORK_LIMIT})"
        )
    if match.keywords and not regexes.implies(tree, match.keywords, caseless=rule.caseless):
        yield "the regex can match without any of its keywords, which would never be seen"


def samples(checked: Checked) -> Iterator[str]:
    """Tests are numbered from 1 and expand; a stable rule has at least two of each kind."""
    tests = checked.document.schema.tests
    cases = (*tests.positive, *tests.negative)
    numbers = [case.id for case in cases]
    if numbers != list(range(1, len(cases) + 1)):
        yield checked.fault(f"tests are numbered {numbers}; number them 1..{len(cases)}, positives first", "tests")
    if checked.document.schema.status == "stable":
        for kind, found in (("positive", tests.positive), ("negative", tests.negative)):
            if len(found) < _STABLE_CASES:
                yield checked.fault(f"a stable rule has at least {_STABLE_CASES} {kind} tests", "tests", kind)
    for kind, found in (("positive", tests.positive), ("negative", tests.negative)):
        for index, case in enumerate(found):
            at = ("tests", kind, index)
            try:
                expand(case.text, case.id)
            except BundleError as error:
                yield checked.fault(str(error), *at)
            if case.target is not None and not expand_targets((case.target,)):
                yield checked.fault(f"unknown target `{case.target}`", *at)
            if kind == "positive" and case.target is not None and case.target not in checked.rule.targets:
                yield checked.fault(f"the rule does not read `{case.target}`", *at)


def floods(checked: Checked) -> Iterator[str]:
    """No alternative matches more than once in 16 bytes on a repeated letter, on random text, or on its own examples."""
    texts = {"a repeated letter": "a" * FLOOD_BYTES, "random text": _random_text()}
    for case in checked.document.schema.tests.positive[:1]:
        try:
            example = expand(case.text, case.id)
        except BundleError:
            return  # `samples` reports it
        texts["its own example, repeated"] = (example + " ") * (FLOOD_BYTES // (len(example) + 1))
    for index, pattern in enumerate(checked.rule.patterns):
        finder = pattern.regex or re.compile("|".join(map(re.escape, pattern.keywords)))
        if regexes.work(regexes.parse(finder.pattern)) > regexes.WORK_LIMIT:
            continue  # refused already; running it could take for ever
        for name, text in texts.items():
            count = sum(1 for _ in finder.finditer(text))
            if count * FLOOD_SPACING > len(text):
                yield checked.fault(f"matches {count} times in {len(text)} characters of {name}", "match", "any", index)


def _random_text() -> str:
    return "".join(random.Random(7).choices(string.ascii_letters + string.digits + " .,-_/", k=FLOOD_BYTES))


PER_RULE: tuple[Callable[[Checked], Iterator[str]], ...] = (
    names,
    field_order,
    keywords,
    expressions,
    samples,
    floods,
)


# ── across rules ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _unknown_tags(document: Document, reading: Reading) -> Iterator[str]:
    for index, tag in enumerate(document.schema.tags):
        if tag not in reading.vocabulary.tags:
            line = line_of(document.data, document.path, "tags", index)
            yield f"{document.path}:{line}: tag `{tag}` is not in TAGS.yaml"


def unknown_relations(reading: Reading) -> Iterator[str]:
    """A sibling that is named exists; one that was replaced may be gone."""
    known = {document.schema.id for document in reading.documents}
    for document in reading.documents:
        for index, related in enumerate(document.schema.related):
            if related.id not in known and related.type != "replaces":
                line = line_of(document.data, document.path, "related", index)
                yield f"{document.path}:{line}: related rule `{related.id}` does not exist"


def twins(reading: Reading) -> Iterator[str]:
    """No two rules look for the same thing in the same way."""
    seen: dict[tuple[MatchSchema, tuple[str, ...]], str] = {}
    for document in reading.documents:
        for index, match in enumerate(document.schema.match.any):
            first = seen.setdefault((match, document.schema.targets), document.schema.id)
            if first != document.schema.id:
                line = line_of(document.data, document.path, "match", "any", index)
                yield f"{document.path}:{line}: the same keywords and regex stand in `{first}`"


ACROSS_RULES: tuple[Callable[[Reading], Iterator[str]], ...] = (unknown_relations, twins)


def _strays(files: Mapping[str, bytes], reading: Reading) -> Iterator[str]:
    """A rule file that no family loads would look as if it were in force."""
    if reading.manifest is None:
        return
    families: Sequence[str] = reading.manifest.families
    for path in files:
        folder, _, name = path.rpartition("/")
        if name.endswith(".yaml") and folder and folder not in families and folder.split("/", 1)[0] != "score":
            yield f"{path}:1: no family of {MANIFEST} loads this file; families: {', '.join(families)}"
