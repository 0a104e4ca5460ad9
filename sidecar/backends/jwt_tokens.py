"""JWTs against a pinned key set, issuer, audience and list of algorithms (RFC 7519, RFC 8725)."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import jwt
from jwt import PyJWK

from sidecar.errors import ConfigError
from sidecar.rules.perimeter import Jwt

_FETCH_SECONDS = 5.0
_DOCUMENT_LIMIT = 2**20
# A key id that is not known may be new; asking again for each forged one would be an attack of its own.
_UNKNOWN_KEY_PAUSE = 30.0
# Clocks differ (RFC 7519, section 4.1.4 allows for "a few minutes").
_LEEWAY_SECONDS = 60
# Tokens are sent with every request; a good one is remembered until it expires, at most so many.
_REMEMBERED = 4096


class JwtTokens:
    """Checks tokens; a key set from a URL is read again when it is old, in a thread, while the old one serves.

    Args:
        settings: what is pinned.
        fetch: reads a URL; for tests.
        clock: monotonic seconds.

    Raises:
        ConfigError: the key set cannot be read at the start.
    """

    def __init__(
        self, settings: Jwt, *, fetch: Callable[[str], bytes] | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._fetch = fetch or _fetch
        self._clock = clock
        self._keys = self._load()
        self._loaded_at = clock()
        self._refreshing = threading.Lock()
        self._good: dict[str, tuple[str, float]] = {}

    def subject(self, token: str) -> str | None:
        """Return the subject of a good token; None where it is not good."""
        known = self._good.get(token)
        if known is not None and known[1] > time.time():
            return known[0]
        claims = self._claims(token)
        if claims is None:
            return None
        subject = claims.get(self._settings.claim)
        if not isinstance(subject, str):
            return None
        if len(self._good) >= _REMEMBERED:
            self._good.clear()
        self._good[token] = (subject, float(claims["exp"]))
        return subject

    def _claims(self, token: str) -> dict[str, Any] | None:
        try:
            header = jwt.get_unverified_header(token)
        except jwt.InvalidTokenError:
            return None
        key = self._key(str(header.get("kid", "")))
        if key is None:
            return None
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key=key.key,
                algorithms=list(self._settings.algorithms),
                audience=self._settings.audience,
                issuer=self._settings.issuer,
                leeway=_LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud"]},
            )
        except (jwt.InvalidTokenError, TypeError):  # TypeError: a key of another kind than the algorithm
            return None
        return claims

    def _key(self, kid: str) -> PyJWK | None:
        age = self._clock() - self._loaded_at
        if age > self._settings.refresh or (kid not in self._keys and age > _UNKNOWN_KEY_PAUSE):
            self._refresh()
        return self._keys.get(kid)

    def _refresh(self) -> None:
        """Read the key set again without making anyone wait; a failure keeps the keys that are there."""
        if not self._is_url or not self._refreshing.acquire(blocking=False):
            return
        self._loaded_at = self._clock()

        def work() -> None:
            try:
                self._keys = self._load()
                self._good = {}
            except ConfigError:
                pass  # the keys in use stay; the next attempt is one refresh away
            finally:
                self._refreshing.release()

        threading.Thread(target=work, name="jwks", daemon=True).start()

    @property
    def _is_url(self) -> bool:
        return self._settings.jwks.startswith(("https://", "http://"))

    def _load(self) -> dict[str, PyJWK]:
        place = self._settings.jwks
        try:
            data = self._fetch(place) if self._is_url else Path(place).read_bytes()
            listed = json.loads(data)["keys"]
            keys = {str(item["kid"]): PyJWK(item) for item in listed if item.get("kty") in ("RSA", "EC", "OKP")}
        except (OSError, httpx.HTTPError, ValueError, KeyError, TypeError, jwt.PyJWTError) as error:
            raise ConfigError(f"jwt: the key set {place} cannot be used ({type(error).__name__})") from None
        if not keys:
            raise ConfigError(f"jwt: the key set {place} holds no public key with a `kid`")
        return keys


def _fetch(url: str) -> bytes:
    with httpx.stream("GET", url, timeout=_FETCH_SECONDS, follow_redirects=False, trust_env=False) as answer:
        answer.raise_for_status()
        data = b""
        for chunk in answer.iter_bytes():
            data += chunk
            if len(data) > _DOCUMENT_LIMIT:
                raise ValueError("larger than a key set")
        return data
