"""Pseudonyms of conversations whose history the provider keeps, in Redis: sealed, and gone after their time."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence

import redis

from sidecar.backends.redis_client import connect
from sidecar.core.pseudonyms import Sealer
from sidecar.errors import EngineError

# A conversation that nobody goes on with is forgotten after a day.
KEEP_SECONDS = 86_400
# Pseudonyms of one conversation; more is no conversation.
VALUES_LIMIT = 10_000


class RedisVault:
    """A `Vault` in Redis. Keys are keyed hashes, and values are sealed for their scope: Redis learns neither.

    Args:
        url: as Redis clients take it.
        sealer: seals values.
        key: of the keyed hash over scopes.

    Raises:
        ConfigError: the URL cannot be used.
    """

    def __init__(self, url: str, sealer: Sealer, key: bytes) -> None:
        self._redis = connect(url, "SIDECAR_PSEUDONYM_VAULT", decode=False)
        self._sealer = sealer
        self._key = key

    def load(self, scope: Sequence[str]) -> Mapping[str, str]:
        """Return value by pseudonym.

        Raises:
            EngineError: Redis cannot be asked.
        """
        try:
            stored: Mapping[bytes, bytes] = self._redis.hgetall(self._name(scope))  # type: ignore[assignment]
        except redis.RedisError as error:
            raise EngineError(f"the vault of pseudonyms cannot be read: {type(error).__name__}") from None
        sealed_for = _parts(scope)
        values = {}
        for sealed_pseudonym, sealed_value in stored.items():
            pseudonym = self._sealer.unseal(sealed_pseudonym, sealed_for)
            value = self._sealer.unseal(sealed_value, sealed_for)
            if pseudonym is not None and value is not None:
                values[pseudonym.decode()] = value.decode()
        return values

    def store(self, scope: Sequence[str], values: Mapping[str, str]) -> None:
        """Add values by pseudonym; the conversation is kept for another `KEEP_SECONDS`.

        Raises:
            EngineError: Redis cannot be written, or the conversation has too many.
        """
        name, sealed_for = self._name(scope), _parts(scope)
        sealed = {
            self._sealer.seal(pseudonym.encode(), sealed_for): self._sealer.seal(value.encode(), sealed_for)
            for pseudonym, value in values.items()
        }
        try:
            with self._redis.pipeline(transaction=True) as pipe:
                pipe.hset(name, mapping=sealed)  # type: ignore[arg-type]
                pipe.expire(name, KEEP_SECONDS)
                pipe.hlen(name)
                *_, count = pipe.execute()
        except redis.RedisError as error:
            raise EngineError(f"the vault of pseudonyms cannot be written: {type(error).__name__}") from None
        if count > VALUES_LIMIT:
            raise EngineError(f"a conversation has more than {VALUES_LIMIT} pseudonyms")

    def _name(self, scope: Sequence[str]) -> str:
        message = b"".join(len(part).to_bytes(4, "big") + part for part in _parts(scope))
        return f"portcullis:pseudonyms:{hmac.new(self._key, message, hashlib.sha256).hexdigest()}"


def _parts(scope: Sequence[str]) -> list[bytes]:
    return [part.encode() for part in scope]
