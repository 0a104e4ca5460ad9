"""Puts the perimeter together from its file: who may call, how much, and what it costs."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sidecar.adapters.credentials import Guard
from sidecar.backends.codings import ALL_DECODERS
from sidecar.core.gatekeeper import LocalMeters, MeteredGate, Meters, Quotas, Usage
from sidecar.core.perimeter import Perimeter, Tokens
from sidecar.errors import ConfigError
from sidecar.rules.perimeter import Application, Jwt, PerimeterDocument, compile_perimeter, read_perimeter
from sidecar.telemetry import Metrics

if TYPE_CHECKING:
    from sidecar.backends.board_quota import Board
    from sidecar.backends.redis_quota import Fleet

# The address of the Redis in which a fleet keeps its meters; it may hold a password, so it is no option.
REDIS_VARIABLE = "SIDECAR_QUOTA_REDIS"
_PER_MILLION = 1_000_000


class Keeper:
    """The perimeter of one process; a reload reads the file again, and a bad one changes nothing.

    Args:
        path: of the perimeter file.
        metrics: count what goes without Redis.
        refused: told the code of each refusal.
        used: told the application, what an answer used, what that cost, and whether a budget's soft threshold is reached.
        board: where all workers of this machine keep their meters; None: they are this process's own.

    Raises:
        ConfigError: the file, or the key set that it names, cannot be used.
    """

    def __init__(
        self,
        path: Path,
        metrics: Metrics,
        *,
        refused: Callable[[str], None],
        used: Callable[[str, Usage, float, bool], None],
        board: Board | None = None,
    ) -> None:
        self._used = used
        self._board = board
        self._path = path
        self._metrics = metrics
        self._document = _read(path)
        self._fleet = _fleet(self._document)
        self._gate = MeteredGate(*self._parts(self._document), meters=self._meters)
        metrics.before_render(self._look)
        self._failures = 0
        self.guard = Guard(self._gate, self._document.key_header, self._count, refused, ALL_DECODERS)

    def reload(self) -> None:
        """Read the file again: keys that are gone are refused from now on, what was used stays used.

        Raises:
            ConfigError: the file cannot be used; the one in force stays.
        """
        document = _read(self._path)
        if document.key_header != self._document.key_header:
            raise ConfigError(f"{self._path}: `key_header` changes with a restart only")
        parts = self._parts(document)
        self._document = document
        self._gate.renew(*parts)

    def _parts(self, document: PerimeterDocument) -> tuple[Perimeter, dict[str, Quotas], Callable[[Usage], float]]:
        perimeter = compile_perimeter(document, _tokens(document.jwt) if document.jwt else None)
        quotas = {application.name: _quotas(application) for application in document.applications}
        return perimeter, quotas, partial(price, document)

    def _meters(self, application: str, quotas: Quotas) -> Meters:
        local: Meters = LocalMeters(application, quotas, clock=time.monotonic, wall_clock=time.time)
        if self._board is not None:
            from sidecar.backends.board_quota import BoardMeters  # noqa: PLC0415 - only where workers share quotas

            local = BoardMeters(self._board, application, quotas)
        if self._fleet is None:
            return local
        from sidecar.backends.redis_quota import RedisMeters  # noqa: PLC0415 - an extra

        return RedisMeters(self._fleet, application, quotas, local)

    def _look(self) -> None:
        if self._fleet is not None:
            failures = self._fleet.failures
            self._metrics.quota_failures.inc(failures - self._failures)
            self._failures = failures

    def _count(self, application: str, usage: Usage, is_warned: bool) -> None:
        self._used(application, usage, price(self._document, usage), is_warned)


def names_sockets(path: Path) -> bool:
    """Tell whether a perimeter file knows callers by the Unix socket that they came through."""
    return any(application.sockets for application in _read(path).applications)


def _fleet(document: PerimeterDocument) -> Fleet | None:
    """Return the fleet's meters, where the environment names a Redis."""
    url = os.environ.get(REDIS_VARIABLE, "")
    if not url:
        return None
    try:
        from sidecar.backends.redis_quota import Fleet  # noqa: PLC0415 - an extra
    except ImportError:
        raise ConfigError(
            f"{REDIS_VARIABLE}: redis is not installed (pip install 'portcullis-sidecar[redis]')"
        ) from None
    return Fleet(url, when_down=document.when_redis_down)


def _read(path: Path) -> PerimeterDocument:
    try:
        return read_perimeter(path.read_bytes(), str(path))
    except OSError as error:
        raise ConfigError(f"{path}: no such perimeter file ({error.strerror})") from None


def price(document: PerimeterDocument, usage: Usage) -> float:
    """Return what an answer cost by the price table; the first price whose model matches counts, 0 without one."""
    found = next((item for item in document.prices if fnmatchcase(usage.model, item.model)), None)
    if found is None:
        return 0.0
    return (usage.prompt_tokens * found.input + usage.completion_tokens * found.output) / _PER_MILLION


def _tokens(settings: Jwt) -> Tokens:
    # Imported here, with a fifth of a second of cryptography: most know their callers by other means.
    from sidecar.backends.jwt_tokens import JwtTokens  # noqa: PLC0415 - see above

    return JwtTokens(settings)


def _quotas(application: Application) -> Quotas:
    limits, budgets = application.limits, application.budgets
    return Quotas(
        requests=limits.requests,
        tokens=limits.tokens,
        bytes=limits.bytes,
        concurrent=limits.concurrent,
        max_tokens=limits.max_tokens,
        max_messages=limits.max_messages,
        token_budget=budgets.tokens,
        money_budget=budgets.money,
    )
