"""A bounded memory of what was seen lately."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class Recent(Generic[T]):
    """Values by digest; the older half is forgotten when it is full.

    Args:
        capacity: how many values are kept at most.
    """

    def __init__(self, capacity: int) -> None:
        self._half = max(1, capacity // 2)
        self._young: dict[bytes, T] = {}
        self._old: dict[bytes, T] = {}

    def get(self, digest: bytes) -> T | None:
        """Return what is remembered."""
        known = self._young.get(digest)
        return known if known is not None else self._old.get(digest)

    def put(self, digest: bytes, value: T) -> None:
        """Remember a value."""
        if len(self._young) >= self._half:
            self._old, self._young = self._young, {}
        self._young[digest] = value

    def __len__(self) -> int:
        return len(self._young) + len(self._old)
