"""The meters of a fleet in Redis: each step one atomic script and one round trip, and a policy for Redis being away.

The arithmetic is that of `core.quota`, by the clock of Redis, so that clocks of the fleet need not agree.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal

import redis

from sidecar.backends.redis_client import connect
from sidecar.core.gatekeeper import Meters, Quotas, budget_spent, too_many, too_many_at_once
from sidecar.core.perimeter import Refusal
from sidecar.core.quota import Budget, Rate

# Redis that failed is not asked again for so long: not every request is to wait for the time-out.
PAUSE_SECONDS = 1.0
# A slot whose worker died is free again after so long; no exchange takes longer.
SLOT_SECONDS = 3600

WhenDown = Literal["local", "deny"]

# KEYS: budgets, the rate, the slots; ARGV: amounts and names. Returns what refuses, and how many seconds to wait.
_ADMIT = """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local tokens, token_seconds, money, money_seconds = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local interval, tolerance, limit, slot, lease = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8], tonumber(ARGV[9])
local function spent(key, amount, seconds)
  if amount < 0 then return nil end
  local period = math.floor(now / seconds)
  if tonumber(redis.call('GET', key .. ':' .. period) or '0') >= amount then return (period + 1) * seconds - now end
end
local wait = spent(KEYS[1], tokens, token_seconds)
if wait then return {'token', tostring(wait)} end
wait = spent(KEYS[2], money, money_seconds)
if wait then return {'money', tostring(wait)} end
local full_at
if interval > 0 then
  full_at = math.max(tonumber(redis.call('GET', KEYS[3]) or '0'), now) + interval
  wait = full_at - now - tolerance
  if wait > 1e-6 then return {'requests', tostring(wait)} end
end
if limit > 0 then
  redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', now)
  if redis.call('ZCARD', KEYS[4]) >= limit then return {'slots', '1'} end
  redis.call('ZADD', KEYS[4], now + lease, slot)
  redis.call('EXPIRE', KEYS[4], math.ceil(lease))
end
if full_at then redis.call('SET', KEYS[3], string.format('%.6f', full_at), 'PX', math.ceil((full_at - now) * 1000) + 1000) end
return {'', '0'}
"""

# KEYS: rates; ARGV: interval, tolerance, units and whether it is taken in any case, for each. All or nothing.
_TAKE = """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local full_at = {}
for i, key in ipairs(KEYS) do
  local interval, tolerance, units, forced = tonumber(ARGV[4*i-3]), tonumber(ARGV[4*i-2]), tonumber(ARGV[4*i-1]), ARGV[4*i]
  full_at[i] = math.max(tonumber(redis.call('GET', key) or '0'), now) + interval * units
  local wait = full_at[i] - now - tolerance
  if forced == '0' and wait > 1e-6 then return {i, tostring(wait)} end
end
for i, key in ipairs(KEYS) do
  redis.call('SET', key, string.format('%.6f', full_at[i]), 'PX', math.ceil((full_at[i] - now) * 1000) + 1000)
end
return {0, '0'}
"""

# KEYS: budgets; ARGV: seconds of the period and what was spent, for each. Returns what each stands at.
_SPEND = """
local time = redis.call('TIME')
local now = tonumber(time[1])
local standing = {}
for i, key in ipairs(KEYS) do
  local seconds = tonumber(ARGV[2*i-1])
  local name = key .. ':' .. math.floor(now / seconds)
  standing[i] = redis.call('INCRBYFLOAT', name, ARGV[2*i])
  redis.call('EXPIRE', name, math.ceil(seconds) + 60)
end
return standing
"""

_UNLIMITED = Budget(amount=-1.0, seconds=1.0)


class Fleet:
    """Redis as all meters of a process share it.

    Args:
        url: as Redis clients take it.
        when_down: `local`: each process goes on with meters of its own; `deny`: requests are refused with 503.
        clock: monotonic seconds.

    Raises:
        ConfigError: the URL cannot be used.
    """

    def __init__(self, url: str, *, when_down: WhenDown, clock: Callable[[], float] = time.monotonic) -> None:
        self._redis = connect(url, "SIDECAR_QUOTA_REDIS", decode=True)
        self.when_down = when_down
        self._clock = clock
        self._away_until = 0.0
        # How often a step went without Redis.
        self.failures = 0
        self._scripts = {source: self._redis.register_script(source) for source in (_ADMIT, _TAKE, _SPEND)}

    def run(self, script: str, keys: Sequence[str], arguments: Sequence[str | int | float]) -> list[Any] | None:
        """Run a script; None where Redis is away."""
        if self._clock() < self._away_until:
            self.failures += 1
            return None
        try:
            answer: list[Any] = self._scripts[script](keys=list(keys), args=list(arguments))
        except redis.RedisError:
            self._away_until = self._clock() + PAUSE_SECONDS
            self.failures += 1
            return None
        return answer

    def forget(self, key: str, member: str) -> None:
        """Take a member out of a set, where Redis is there; else its lease ends by itself."""
        if self._clock() < self._away_until:
            return
        try:
            self._redis.zrem(key, member)
        except redis.RedisError:
            self._away_until = self._clock() + PAUSE_SECONDS


class RedisMeters:
    """The meters of one application, for all processes that share a Redis.

    Args:
        fleet: where they are kept.
        application: its name; Redis sees a hash of it.
        quotas: how much it may do.
        local: what is used while Redis is away and the policy is `local`.
    """

    def __init__(self, fleet: Fleet, application: str, quotas: Quotas, local: Meters) -> None:
        self._fleet = fleet
        self._quotas = quotas
        self._local = local
        # One hash tag: a Redis cluster keeps the keys of an application on one node, as scripts need it.
        name = f"portcullis:{{{hashlib.sha256(application.encode()).hexdigest()[:32]}}}"
        self._token_budget, self._money_budget = f"{name}:token", f"{name}:money"
        self._rates = {what: f"{name}:{what}" for what in ("requests", "bytes", "tokens")}
        self._slots = f"{name}:slots"

    def admit(self) -> str | Refusal:
        """Take one request and a slot; returns the slot's name, empty where there are none."""
        quotas = self._quotas
        tokens, money = quotas.token_budget or _UNLIMITED, quotas.money_budget or _UNLIMITED
        slot = secrets.token_hex(8)
        keys = (self._token_budget, self._money_budget, self._rates["requests"], self._slots)
        budgets = (tokens.amount, tokens.seconds, money.amount, money.seconds)
        rate = (quotas.requests.interval, quotas.requests.tolerance) if quotas.requests else (0, 0)
        answer = self._fleet.run(_ADMIT, keys, (*budgets, *rate, quotas.concurrent or 0, slot, SLOT_SECONDS))
        if answer is None:
            return self._down() or self._local.admit()
        what, wait = str(answer[0]), float(answer[1])
        if what in ("token", "money"):
            return budget_spent(what, wait)
        if what:
            return too_many_at_once() if what == "slots" else too_many(what, wait)
        return f"{self._slots} {slot}" if quotas.concurrent else ""

    def take(self, length: int, tokens: int) -> Refusal | None:
        """Take a request's bytes and estimated tokens."""
        wanted = (("bytes", self._quotas.bytes, length), ("tokens", self._quotas.tokens, tokens))
        asked = [(what, rate, units) for what, rate, units in wanted if rate is not None]
        if not asked:
            return None
        answer = self._run_take([(what, rate, units, 0) for what, rate, units in asked])
        if answer is None:
            return self._down() or self._local.take(length, tokens)
        index = int(answer[0])
        return too_many(asked[index - 1][0], float(answer[1])) if index else None

    def charge(self, prompt: int, completion: int, money: float) -> bool:
        """Charge what an answer used; true where a budget's soft threshold is reached."""
        quotas = self._quotas
        if quotas.tokens:
            self._run_take([("tokens", quotas.tokens, completion, 1)])
        spent = (
            (self._token_budget, quotas.token_budget, float(prompt + completion)),
            (self._money_budget, quotas.money_budget, money),
        )
        asked = [(key, budget, amount) for key, budget, amount in spent if budget is not None]
        if not asked:
            return False
        arguments = [part for _, budget, amount in asked for part in (budget.seconds, repr(amount))]
        answer = self._fleet.run(_SPEND, [key for key, _, _ in asked], arguments)
        if answer is None:
            # Charged where it can be: what this process hands out while Redis is away is bounded at least.
            return self._local.charge(prompt, completion, money)
        return any(float(now) >= budget.soft * budget.amount for now, (_, budget, _) in zip(answer, asked, strict=True))

    def leave(self, slot: str) -> None:
        """Give a slot back, to whoever gave it."""
        key, _, member = slot.partition(" ")
        if member:
            self._fleet.forget(key, member)
        else:
            self._local.leave(slot)

    def _run_take(self, wanted: Sequence[tuple[str, Rate, float, int]]) -> list[Any] | None:
        arguments = [
            part for _, rate, units, forced in wanted for part in (rate.interval, rate.tolerance, units, forced)
        ]
        return self._fleet.run(_TAKE, [self._rates[what] for what, _, _, _ in wanted], arguments)

    def _down(self) -> Refusal | None:
        if self._fleet.when_down == "local":
            return None
        return Refusal(503, "quotas_unavailable", "The quotas cannot be asked; try again.", PAUSE_SECONDS)
