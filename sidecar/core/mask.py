"""Step 6, mask: the edits of a decision are carried out on the body; every other byte stays as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sidecar.core import jsontext
from sidecar.core.decide import apply_edits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sidecar.core.schemas import Schema
    from sidecar.model import Edit


def mask(body: bytes, edits: Sequence[Edit], schema: Schema) -> bytes:
    """Carry out edits on a body.

    Args:
        body: the message that `extract` read.
        edits: in order and without overlap for each path.
        schema: the format it was read as.

    Returns:
        The edited body; `body` itself where there is nothing to edit.
    """
    if not edits:
        return body
    if schema.name == "text":
        return apply_edits(body.decode("utf-8"), edits).encode()
    return jsontext.edit_strings(body, edits)
