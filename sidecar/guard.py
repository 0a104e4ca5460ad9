"""Puts the perimeter together from its file: who may call, how much, and what it costs."""

from __future__ import annotations

import time
from fnmatch import fnmatchcase
from pathlib import Path

from sidecar.adapters.credentials import Guard
from sidecar.backends.jwt_tokens import JwtTokens
from sidecar.core.gatekeeper import MeteredGate, Quotas, Usage
from sidecar.errors import ConfigError
from sidecar.rules.perimeter import Application, PerimeterDocument, compile_perimeter, read_perimeter
from sidecar.telemetry import Metrics

_PER_MILLION = 1_000_000


def load_guard(path: Path, metrics: Metrics) -> Guard:
    """Read a perimeter file and make what adapters ask.

    Args:
        path: of the file.
        metrics: count tokens and money.

    Raises:
        ConfigError: the file, or the key set that it names, cannot be used.
    """
    try:
        document = read_perimeter(path.read_bytes(), str(path))
    except OSError as error:
        raise ConfigError(f"{path}: no such perimeter file ({error.strerror})") from None
    perimeter = compile_perimeter(document, JwtTokens(document.jwt) if document.jwt else None)
    gatekeeper = MeteredGate(
        perimeter,
        {application.name: _quotas(application) for application in document.applications},
        lambda usage: price(document, usage),
        clock=time.monotonic,
        wall_clock=time.time,
    )

    def count(usage: Usage, is_warned: bool) -> None:
        metrics.tokens.labels("prompt").inc(usage.prompt_tokens)
        metrics.tokens.labels("completion").inc(usage.completion_tokens)
        metrics.cost.inc(price(document, usage))
        if is_warned:
            metrics.budget_warnings.inc()

    return Guard(gatekeeper, document.key_header, count)


def price(document: PerimeterDocument, usage: Usage) -> float:
    """Return what an answer cost by the price table; the first price whose model matches counts, 0 without one."""
    found = next((item for item in document.prices if fnmatchcase(usage.model, item.model)), None)
    if found is None:
        return 0.0
    return (usage.prompt_tokens * found.input + usage.completion_tokens * found.output) / _PER_MILLION


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
