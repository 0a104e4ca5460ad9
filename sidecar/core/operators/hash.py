"""`hash`: the span becomes its salted hash; the same value gives the same hash only where the salt is given."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable

# Presidio's own bound: a shorter salt does not keep short values from being guessed.
LEAST_SALT_BYTES = 16


def build(hash_type: str = "sha256", salt: str | bytes | None = None) -> Callable[[str, str], str]:
    """Build the operator.

    Args:
        hash_type: `sha256` or `sha512`.
        salt: at least 16 bytes, hashed behind the value, as Presidio does; None: a new one for every span.

    Raises:
        ValueError: another algorithm, or a salt that is too short.
    """
    if hash_type not in ("sha256", "sha512"):
        raise ValueError("operator `hash`: `hash_type` is sha256 or sha512")
    given = salt.encode() if isinstance(salt, str) else salt
    if given is not None and len(given) < LEAST_SALT_BYTES:
        raise ValueError(f"operator `hash`: `salt` has {len(given)} bytes; give at least {LEAST_SALT_BYTES}, or none")

    def operate(_entity: str, text: str) -> str:
        salted = text.encode() + (secrets.token_bytes(32) if given is None else given)
        return hashlib.new(hash_type, salted).hexdigest()

    return operate
