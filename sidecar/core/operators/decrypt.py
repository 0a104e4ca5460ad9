"""`decrypt`: what `encrypt` wrote becomes the value again; anything else stays as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from sidecar.core.operators import CipherFactory


def build(key: str | bytes, *, cipher: CipherFactory) -> Callable[[str, str], str]:
    """Build the operator.

    Args:
        key: the key of `encrypt`.
        cipher: makes the cipher for a key.

    Raises:
        ValueError: the key has another length.
    """
    made = cipher(key.encode() if isinstance(key, str) else key)

    def operate(entity: str, text: str) -> str:
        value = made.decrypt(text, entity)
        return text if value is None else value

    return operate
