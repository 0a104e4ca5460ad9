"""`custom`: the span is replaced by what a function of yours returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sidecar.errors import EngineError


def build(*, functions: Mapping[str, Callable[[str], object]], **params: object) -> Callable[[str, str], str]:
    """Build the operator.

    Args:
        functions: by the name that a policy uses: `package.module:function`.
        params: `lambda`, as Presidio calls it: the function itself, or its name.

    Raises:
        ValueError: there is no such function, or another parameter.
    """
    wanted = params.pop("lambda", None)
    if params:
        raise ValueError(f"operator `custom`: unknown parameter `{next(iter(params))}`")
    function = functions.get(wanted) if isinstance(wanted, str) else wanted
    if not callable(function):
        fault = "operator `custom`: `lambda` names no function (`package.module:function`)"
        raise ValueError(fault)  # noqa: TRY004 - a fault of the policy, as for every other parameter
    chosen = function

    def operate(_entity: str, text: str) -> str:
        try:
            result = chosen(text)
        except Exception as error:  # noqa: BLE001 - a function of somebody else; what it raises may quote the text
            raise EngineError(f"operator `custom`: the function failed: {type(error).__name__}") from None
        if not isinstance(result, str):
            raise EngineError("operator `custom`: the function must return a str")
        return result

    return operate
