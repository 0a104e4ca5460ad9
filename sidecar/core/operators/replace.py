"""`replace`: a fixed text, `<ENTITY_TYPE>` unless `new_value` says otherwise."""

from __future__ import annotations

from collections.abc import Callable


def build(new_value: str | None = None) -> Callable[[str, str], str]:
    """Build the operator; `new_value` is what stands in the place of the span."""
    if new_value:
        return lambda _entity, _text: new_value
    return lambda entity, _text: f"<{entity}>"
