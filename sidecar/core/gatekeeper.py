"""The perimeter with its meters: one object that admits a request, counts it while it runs, and charges what it used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from sidecar.core.perimeter import Credentials, Grant, Perimeter, Refusal
from sidecar.core.quota import Budget, Ledger, Meter, Rate, Slots

# Tokens of a text where no tokenizer is asked: four bytes of UTF-8 a token is what English comes to, and other
# languages come to more bytes, so that the estimate errs on the safe side for them.
BYTES_A_TOKEN = 4


class Quotas(msgspec.Struct, frozen=True):
    """How much one application may do; None: as much as it likes."""

    requests: Rate | None = None
    tokens: Rate | None = None
    bytes: Rate | None = None
    concurrent: int | None = None
    max_tokens: int | None = None
    max_messages: int | None = None
    token_budget: Budget | None = None
    money_budget: Budget | None = None


class Usage(msgspec.Struct, frozen=True):
    """What an answer says that it used."""

    model: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0


class Admission(msgspec.Struct, frozen=True):
    """A request that was let in.

    Args:
        grant: what its application may do.
        has_slot: whether it holds one of the application's slots.
    """

    grant: Grant
    has_slot: bool = False


class Gatekeeper(Protocol):
    """What adapters ask before, while and after a request is handled."""

    def admit(self, credentials: Credentials, *, service: str, route: str = "") -> Admission | Refusal:
        """Let a request in, or say why not; who was let in must `leave`."""
        ...

    def weigh(self, admission: Admission, *, model: str, length: int, messages: int) -> Refusal | None:
        """Say whether a request's body is within the limits; takes what it will use."""
        ...

    def charge(self, admission: Admission, usage: Usage) -> bool:
        """Charge what an answer used; true where a budget's soft threshold is reached."""
        ...

    def leave(self, admission: Admission) -> None:
        """Give back what a request held while it ran."""
        ...


class _Meters:
    """The meters of one application."""

    def __init__(self, quotas: Quotas) -> None:
        self.quotas = quotas
        self.requests = Meter(quotas.requests) if quotas.requests else None
        self.tokens = Meter(quotas.tokens) if quotas.tokens else None
        self.bytes = Meter(quotas.bytes) if quotas.bytes else None
        self.slots = Slots(quotas.concurrent) if quotas.concurrent else None
        self.token_ledger = Ledger(quotas.token_budget) if quotas.token_budget else None
        self.money_ledger = Ledger(quotas.money_budget) if quotas.money_budget else None


class MeteredGate:
    """A gatekeeper over a perimeter, with meters in this process.

    Args:
        perimeter: authenticates and authorises.
        quotas: by application; an application that is missing has none.
        price: money that an answer cost.
        clock: monotonic seconds, for rates.
        wall_clock: seconds since the epoch, for budgets.
    """

    def __init__(
        self,
        perimeter: Perimeter,
        quotas: Mapping[str, Quotas],
        price: Callable[[Usage], float],
        *,
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
    ) -> None:
        self._perimeter = perimeter
        self._meters = {application: _Meters(quota) for application, quota in quotas.items()}
        self._price = price
        self._clock = clock
        self._wall_clock = wall_clock

    def renew(self, perimeter: Perimeter, quotas: Mapping[str, Quotas], price: Callable[[Usage], float]) -> None:
        """Go on under another perimeter file; what applications used stays used where their quotas are the same."""
        known = self._meters
        self._meters = {
            application: known[application]
            if application in known and known[application].quotas == quota
            else _Meters(quota)
            for application, quota in quotas.items()
        }
        self._perimeter, self._price = perimeter, price

    def admit(self, credentials: Credentials, *, service: str, route: str = "") -> Admission | Refusal:
        """Let a request in, or say why not."""
        grant = self._perimeter.admit(credentials, service=service, route=route)
        if isinstance(grant, Refusal):
            return grant
        meters = self._meters.get(grant.application)
        if meters is None:
            return Admission(grant)
        spent = self._spent(meters, grant.application)
        if spent:
            return spent
        if meters.requests:
            wait = meters.requests.take(grant.application, 1, self._clock())
            if wait:
                return Refusal(429, "rate_limited", "Too many requests.", wait)
        if meters.slots and not meters.slots.enter(grant.application):
            return Refusal(429, "too_many_at_once", "Too many requests at once.", 1.0)
        return Admission(grant, has_slot=meters.slots is not None)

    def weigh(self, admission: Admission, *, model: str, length: int, messages: int) -> Refusal | None:
        """Say whether a request's body is within the limits.

        Args:
            admission: of the request.
            model: that it asks for.
            length: of its body, in bytes.
            messages: how many it holds.
        """
        grant = admission.grant
        refused = self._perimeter.allow_model(grant, model)
        meters = self._meters.get(grant.application)
        if refused or meters is None:
            return refused
        tokens = -(-length // BYTES_A_TOKEN)
        quotas = meters.quotas
        if quotas.max_messages is not None and messages > quotas.max_messages:
            return Refusal(413, "too_many_messages", f"More than {quotas.max_messages} messages in one request.")
        if quotas.max_tokens is not None and tokens > quotas.max_tokens:
            return Refusal(413, "too_many_tokens", f"More than {quotas.max_tokens} tokens in one request, by estimate.")
        return self._take(meters, grant.application, length, tokens)

    def charge(self, admission: Admission, usage: Usage) -> bool:
        """Charge what an answer used; true where a budget's soft threshold is reached."""
        application = admission.grant.application
        meters = self._meters.get(application)
        if meters is None:
            return False
        now = self._wall_clock()
        # The prompt was taken from the rate by estimate when it was weighed.
        if meters.tokens:
            meters.tokens.charge(application, usage.completion_tokens, self._clock())
        warned = False
        for ledger, amount in (
            (meters.token_ledger, float(usage.prompt_tokens + usage.completion_tokens)),
            (meters.money_ledger, self._price(usage)),
        ):
            if ledger:
                ledger.spend(application, amount, now)
                warned = warned or ledger.standing(application, now).is_warned
        return warned

    def leave(self, admission: Admission) -> None:
        """Give back what a request held while it ran."""
        meters = self._meters.get(admission.grant.application)
        if admission.has_slot and meters and meters.slots:
            meters.slots.leave(admission.grant.application)

    def _spent(self, meters: _Meters, application: str) -> Refusal | None:
        now = self._wall_clock()
        for ledger, what in ((meters.token_ledger, "token"), (meters.money_ledger, "money")):
            if ledger:
                standing = ledger.standing(application, now)
                if standing.is_spent:
                    return Refusal(429, f"{what}_budget_spent", f"The {what} budget is spent.", standing.resets_in)
        return None

    def _take(self, meters: _Meters, application: str, length: int, tokens: int) -> Refusal | None:
        now = self._clock()
        for meter, units, what in ((meters.bytes, length, "bytes"), (meters.tokens, tokens, "tokens")):
            wait = meter.take(application, units, now) if meter else 0.0
            if wait:
                return Refusal(429, "rate_limited", f"Too many {what}.", wait)
        return None
