"""What masking does with a span: Presidio's operators by their names and parameters, built once at load."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from sidecar.core.operators import keep, mask, redact, replace

if TYPE_CHECKING:
    from sidecar.model import OperatorConfig

# An operator takes the entity type and the matched text, and returns what stands in its place.
Operator = Callable[[str, str], str]

_BUILDERS: Mapping[str, Callable[..., Operator]] = {
    "keep": keep.build,
    "mask": mask.build,
    "redact": redact.build,
    "replace": replace.build,
}


def build_operator(config: OperatorConfig) -> Operator:
    """Build an operator from its configuration.

    Args:
        config: the operator's name and parameters.

    Raises:
        ValueError: the name is unknown, or a parameter is missing, unknown or out of range.
    """
    builder = _BUILDERS.get(config.name)
    if builder is None:
        raise ValueError(f"unknown operator `{config.name}`; known: {', '.join(sorted(_BUILDERS))}")
    try:
        return builder(**config.params)
    except TypeError as error:
        raise ValueError(f"operator `{config.name}`: {error}") from None
