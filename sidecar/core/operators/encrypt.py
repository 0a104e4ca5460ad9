"""`encrypt`: the span becomes its ciphertext, which `decrypt` or `sidecar mask --decrypt` opens with the same key."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from sidecar.core.operators import CipherFactory


def build(key: str | bytes, *, cipher: CipherFactory) -> Callable[[str, str], str]:
    """Build the operator.

    Args:
        key: 16, 24 or 32 bytes, as Presidio takes them.
        cipher: makes the cipher for a key.

    Raises:
        ValueError: the key has another length.
    """
    made = cipher(key.encode() if isinstance(key, str) else key)
    return lambda entity, text: made.encrypt(text, entity)
