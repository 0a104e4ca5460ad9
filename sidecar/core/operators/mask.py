"""`mask`: some characters of the span are overwritten."""

from __future__ import annotations

from collections.abc import Callable


def build(
    masking_char: str = "*", chars_to_mask: int = 1_000_000, *, from_end: bool = False
) -> Callable[[str, str], str]:
    """Build the operator.

    Args:
        masking_char: the one character to write.
        chars_to_mask: how many characters to overwrite.
        from_end: count from the end of the span.
    """
    if len(masking_char) != 1:
        raise ValueError("operator `mask`: `masking_char` is one character")
    if chars_to_mask < 0:
        raise ValueError("operator `mask`: `chars_to_mask` is not negative")

    def operate(_entity: str, text: str) -> str:
        count = min(chars_to_mask, len(text))
        covered = masking_char * count
        return text[: len(text) - count] + covered if from_end else covered + text[count:]

    return operate
