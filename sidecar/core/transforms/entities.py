"""Decodes HTML character references, named and numeric, with any number of leading zeros."""

from __future__ import annotations

import html
import re

from sidecar.core.transforms.reading import Reading, Sign, substitute

SIGNS = (Sign("&(?:#[0-9x]|[a-z]{2,8};)"),)
_REFERENCE = re.compile(r"&(?:#0*+[0-9]{1,7};?|#[xX]0*+[0-9a-fA-F]{1,6};?|[a-zA-Z][a-zA-Z0-9]{1,31};)")
_ZEROS = re.compile("(#[xX]?)0+(?=[0-9a-fA-F])")


def undo(text: str) -> Reading | None:
    """Decode character references; what names no character stays as it is."""
    return substitute(_REFERENCE, lambda found: html.unescape(_ZEROS.sub(r"\1", found[0], count=1)), text)
