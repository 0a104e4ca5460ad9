"""The rules' regular expressions without Hyperscan: Python's `re` one after the other, and google-re2 as one set."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from sidecar.model import Rule

# The default of 8 MB makes the set fall back to slow or, worse, no answers.
_RE2_MEMORY = 512 * 2**20


def expressions(rules: Sequence[Rule]) -> list[re.Pattern[str]]:
    """Return every regular expression of the rules."""
    return [pattern.regex for rule in rules for pattern in rule.patterns if pattern.regex is not None]


def re_loop(patterns: Sequence[re.Pattern[str]]) -> Callable[[str], list[int]]:
    """Return a function that looks for all of them, one after the other."""
    searches = [pattern.search for pattern in patterns]
    return lambda text: [index for index, search in enumerate(searches) if search(text)]


def re2_set(patterns: Sequence[re.Pattern[str]]) -> tuple[Callable[[str], list[int]], int]:
    """Return a function that looks for all of them in one pass of RE2, and how many of them it refuses.

    Raises:
        RuntimeError: the set misses a match that `re` finds.
    """
    import re2  # noqa: PLC0415 - an extra that only benchmarks need

    options = re2.Options()
    options.max_mem = _RE2_MEMORY
    options.log_errors = False
    together = re2.Set.SearchSet(options)
    refused = 0
    for pattern in patterns:
        letters = "".join(letter for letter, flag in (("i", re.IGNORECASE), ("s", re.DOTALL)) if pattern.flags & flag)
        try:
            together.Add(f"(?{letters}){pattern.pattern}" if letters else pattern.pattern)
        except re2.error:
            refused += 1
    together.Compile()
    return (lambda text: list(together.Match(text) or ())), refused
