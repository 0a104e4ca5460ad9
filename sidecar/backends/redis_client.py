"""How every part of ours reaches Redis: briefly, as a request waits for it."""

from __future__ import annotations

import redis

from sidecar.errors import ConfigError

# A request waits, and Envoy's whole budget is 200 ms by default; a network of one machine room answers in half a millisecond.
TIMEOUT_SECONDS = 0.05


def connect(url: str, variable: str, *, decode: bool) -> redis.Redis:
    """Return a client; it connects when it is first asked.

    Args:
        url: as Redis clients take it.
        variable: where the URL comes from, for the error.
        decode: whether answers are text, not bytes.

    Raises:
        ConfigError: the URL cannot be used; it may hold a password, so it is not shown.
    """
    try:
        return redis.Redis.from_url(
            url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS, decode_responses=decode
        )
    except ValueError:
        raise ConfigError(f"{variable}: no Redis URL") from None
