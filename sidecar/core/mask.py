"""Step 6, mask: the edits of a decision are carried out on the body; every other byte stays as it was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from sidecar.core import jsontext, parts
from sidecar.core.fields import DERIVED, Schema
from sidecar.core.splice import apply_edits
from sidecar.errors import EngineError
from sidecar.model import Edit


def mask(body: bytes, edits: Sequence[Edit], schema: Schema) -> bytes:
    """Carry out edits on a body.

    Args:
        body: the message that `extract` read.
        edits: in order and without overlap for each path.
        schema: the format it was read as.

    Returns:
        The edited body; `body` itself where there is nothing to edit.

    Raises:
        EngineError: an edit names a place that the body does not have; it is never dropped.
    """
    if not edits:
        return body
    syntax = parts.syntax_of(body, schema)
    if syntax == "text":
        return apply_edits(body.decode("utf-8"), edits).encode()
    if syntax == "json":
        return without_derived(jsontext.edit_strings(body, edits), schema)
    return _mask_parts(body, edits, parts.split(body, schema, syntax))


def without_derived(body: bytes, schema: Schema) -> bytes:
    """Take out what says again what was masked: token probabilities spell out every word.

    Args:
        body: an edited JSON document; it is written anew only where there is something to take out.
        schema: its format.
    """
    patterns = [field.pattern.split("/")[1:-1] for field in schema.fields if field.target == DERIVED]
    if not patterns or b"logprobs" not in body:
        return body
    root = jsontext.decode(body)
    for steps in patterns:
        _blank(root, steps)
    return msgspec.json.encode(root)


def _blank(value: Any, steps: Sequence[str]) -> None:
    step, *rest = steps
    if step == "*":
        for item in value if type(value) is list else ():
            _blank(item, rest)
    elif type(value) is dict and value.get(step) is not None:
        if rest:
            _blank(value[step], rest)
        else:
            value[step] = None


def _mask_parts(body: bytes, edits: Sequence[Edit], found: Sequence[parts.Part]) -> bytes:
    by_part: dict[str, list[Edit]] = {}
    for edit in edits:
        path, _, inner = edit.path.partition("#")
        by_part.setdefault(path, []).append(msgspec.structs.replace(edit, path=inner))
    pieces: list[bytes] = []
    done = 0
    for part in found:
        mine = by_part.pop(part.path, None)
        if mine is None:
            continue
        new = (
            jsontext.edit_strings(part.content, mine)
            if part.is_json
            else apply_edits(part.content.decode("utf-8"), mine).encode()
        )
        pieces += (body[done : part.start], part.encode(new))
        done = part.end
    if by_part:
        raise EngineError("an edit names a part that the body does not have")
    return b"".join((*pieces, body[done:]))
