"""Concepts in a text: tokens, and where the words of a lexicon stand, in any of its languages.

A concept such as `override` or `instruction` has words in many languages; features of the injection score are made of
concepts alone, so what is learned from one language holds in all of them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

# Marks that are written above, below or around letters: accents, points, vowel signs. Both sides drop them, so that
# a lexicon may be written with or without.
_MARKS = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u0591-\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed\u0900-\u0903\u093a-\u093c"
    "\u093e-\u094f\u0951-\u0957\u0962-\u0963\u0981-\u0983\u09bc\u09be-\u09cd\u09d7\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u200c\u200d\u3099\u309a]+"
)
_LETTERS = str.maketrans(
    {
        "\u0111": "d", "\u0142": "l", "\u00f8": "o", "\u0131": "i", "\u00e6": "ae", "\u0153": "oe", "\u00df": "ss", "\u2019": "'",
        "\u0649": "\u064a", "\u0629": "\u0647", "\u06a9": "\u0643", "\u06cc": "\u064a", "\u0451": "\u0435",
    }
)  # fmt: skip
# What is written without spaces is read character by character: Han, kana, Thai.
_UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\u0e00-\u0e7f"
# Marks of structure that count as concepts of their own; the first that matches names the token.
_MARKERS: tuple[tuple[str, str], ...] = (
    ("mark_template", r"<\|[a-z_]{1,20}\|?>?|\[/?inst\]|<</?sys>>|</?s>"),
    ("mark_turn", r"(?m:^)[ \t#*\[<(]{0,4}(?:system|assistant|user|human|ai|bot|developer)[\]>*) ]{0,3}:"),
    (
        "mark_header",
        (
            r"[\[<{(]{1,3}[ /]?(?:system|admin|sys|developer|instructions?|important|information|override|internal|end"
            r"|begin|start|new)\b[^\n\]>})]{0,40}[\]>})]"
        ),
    ),
    ("mark_rule", r"\#{3,}|={4,}|-{5,}|\*{4,}|%{3,}|~{4,}|_{5,}"),
    ("mark_comment", r"<!--"),
    ("mark_bang", r"!{2,}"),
    ("mark_slot", r"\[[a-z ]{3,40}\]"),
    ("mark_link", r"https?://"),
    ("mark_braces", r"\{\{|\}\}"),
    ("mark_break", r"\n{2,}|(?:\\ ?n ?){2,}"),
    ("mark_quote", r"[\"\u201c\u201d\u00ab\u00bb\u300c]"),
    ("mark_blob", r"[a-z0-9+/]{40,}={0,2}"),
    ("mark_code", r"[{};][ \t]*\n"),
    ("mark_question", r"[?\uff1f]"),
)
MARKS = tuple(name for name, _ in _MARKERS)
_TOKEN = re.compile(
    "|".join(f"(?P<{name}>{pattern})" for name, pattern in _MARKERS) + f"|[{_UNSPACED}]|[^\\W_{_UNSPACED}]+"
)
# Marks that may begin with a letter; the others are tried last, and not where a space or a comma stands: the order
# changes no token (a test holds both against each other) and halves the time.
_LETTERED = ("mark_turn", "mark_link", "mark_blob")
_OF = dict(_MARKERS)
# Without groups: `findall` with groups gives tuples, and costs four times as much.
_PLAIN_TOKEN = re.compile(
    "|".join([*(_OF[name] for name in _LETTERED), f"[^\\W_{_UNSPACED}]+", f"[{_UNSPACED}]"])
    + "|(?![ .,:'])(?:"
    + "|".join(pattern for name, pattern in _MARKERS if name not in _LETTERED)
    + ")"
)
# Distinct words that a lexicon remembers before it starts over; bounds what hostile text can make it keep.
_MEMORY = 1 << 16

Occurrence = tuple[int, int, int]


def fold(text: str) -> str:
    """Return a text in lower case without marks, in the form in which lexicons are compared."""
    if text.isascii():
        return text.lower()
    bare = _MARKS.sub("", unicodedata.normalize("NFKD", text.casefold()))
    return unicodedata.normalize("NFC", bare).translate(_LETTERS)


def tokenise(folded: str) -> list[str]:
    """Return the words and marks of a folded text, in order."""
    return _PLAIN_TOKEN.findall(folded)


class Node:
    """A place in the tree of entries: the concepts of those that end here, and how others go on."""

    __slots__ = ("after", "concepts")

    def __init__(self) -> None:
        self.after: dict[str, Node] = {}
        self.concepts: tuple[int, ...] = ()


# What a token stands for by itself, and the branches in which entries go on.
Start = tuple[tuple[int, ...], tuple[dict[str, Node], ...]]


class Lexicon:
    """Words of concepts in many languages, ready to be found in tokens.

    Args:
        entries: for each concept, in the order of its index, its words: one or more tokens, `*` for any ending.
    """

    def __init__(self, entries: Mapping[str, Iterable[str]]) -> None:
        self.concepts: tuple[str, ...] = (*entries, *MARKS)
        self._root = Node()
        self._stems: dict[str, str] = {}
        for concept, words in enumerate(entries.values()):
            for word in words:
                self._add(word, concept)
        self._lengths = sorted({len(stem) for stem in self._stems})
        self._mark = {name: len(entries) + place for place, name in enumerate(MARKS)}
        self._known: dict[str, tuple[str, ...]] = {}
        self._starts: dict[str, Start] = {}

    def _add(self, entry: str, concept: int) -> None:
        node = self._root
        for key in keys_of(entry):
            if key.endswith("*"):
                self._stems.setdefault(key[:-1], key)
            node = node.after.setdefault(key, Node())
        if concept not in node.concepts:
            node.concepts = (*node.concepts, concept)

    def _keys(self, token: str) -> tuple[str, ...]:
        """Return what a token is called in the lexicon: itself, and the stems that it begins with."""
        keys = self._known.get(token)
        if keys is None:
            if len(self._known) > _MEMORY:
                self._known.clear()
            stems = self._stems
            found = [stems[token[:n]] for n in self._lengths if n <= len(token) and token[:n] in stems]
            keys = self._known[token] = (token, *found)
        return keys

    def _begin(self, token: str) -> Start:
        """Return the concepts that a token stands for, and where longer entries go on."""
        if len(self._starts) > _MEMORY:
            self._starts.clear()
        nodes = [self._root.after[key] for key in self._keys(token) if key in self._root.after]
        concepts = {concept for node in nodes for concept in node.concepts}
        mark = _TOKEN.fullmatch(token)
        if mark is not None and mark.lastgroup:
            concepts.add(self._mark[mark.lastgroup])
        start = tuple(sorted(concepts)), tuple(node.after for node in nodes if node.after)
        self._starts[token] = start
        return start

    def occurrences(self, tokens: Sequence[str]) -> list[Occurrence]:
        """Find the concepts in a text.

        Args:
            tokens: of a folded text.

        Returns:
            First token, one past the last, and the concept's index; in order of the first token.
        """
        found: list[Occurrence] = []
        starts = self._starts
        last = len(tokens) - 1
        for place, token in enumerate(tokens):
            start = starts.get(token)
            if start is None:
                start = self._begin(token)
            for concept in start[0]:
                found.append((place, place + 1, concept))  # noqa: PERF401 - mostly none or one
            if start[1] and place < last:
                self._walk(start[1], tokens, place, found)
        return found

    def _walk(
        self, branches: Sequence[dict[str, Node]], tokens: Sequence[str], place: int, found: list[Occurrence]
    ) -> None:
        """Follow the longer entries that begin at a token, all at once."""
        for end in range(place + 1, len(tokens)):
            keys = self._known.get(tokens[end]) or self._keys(tokens[end])
            nodes = [branch[key] for branch in branches for key in keys if key in branch]
            if not nodes:
                return
            found += [(place, end + 1, concept) for concept in {one for node in nodes for one in node.concepts}]
            branches = [node.after for node in nodes if node.after]


def keys_of(entry: str) -> list[str]:
    """Return the tokens of a lexicon's entry, folded; a `*` after a word stays with its last token."""
    keys: list[str] = []
    for word in entry.split():
        tokens = tokenise(fold(word.rstrip("*")))
        if tokens and word.endswith("*"):
            tokens[-1] += "*"
        keys += tokens
    return keys
