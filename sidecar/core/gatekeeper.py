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
        slot: the name of the slot of the application's that it holds; empty for none.
    """

    grant: Grant
    slot: str = ""


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


class Meters(Protocol):
    """What one application used; kept in this process, or for a whole fleet."""

    def admit(self) -> str | Refusal:
        """Take one request and a slot; returns the slot's name, empty where there are none."""
        ...

    def take(self, length: int, tokens: int) -> Refusal | None:
        """Take a request's bytes and estimated tokens."""
        ...

    def charge(self, prompt: int, completion: int, money: float) -> bool:
        """Charge what an answer used; true where a budget's soft threshold is reached."""
        ...

    def leave(self, slot: str) -> None:
        """Give a slot back."""
        ...


# The refusals of all meters, wherever they are kept.
def too_many(what: str, wait: float) -> Refusal:
    """Refuse for a rate: `requests`, `bytes` or `tokens`."""
    return Refusal(429, "rate_limited", f"Too many {what}.", wait)


def too_many_at_once() -> Refusal:
    """Refuse for want of a slot."""
    return Refusal(429, "too_many_at_once", "Too many requests at once.", 1.0)


def budget_spent(what: str, wait: float) -> Refusal:
    """Refuse for a budget: `token` or `money`."""
    return Refusal(429, f"{what}_budget_spent", f"The {what} budget is spent.", wait)


class LocalMeters:
    """The meters of one application in this process.

    Args:
        application: its name.
        quotas: how much it may do.
        clock: monotonic seconds, for rates.
        wall_clock: seconds since the epoch, for budgets.
    """

    def __init__(
        self, application: str, quotas: Quotas, *, clock: Callable[[], float], wall_clock: Callable[[], float]
    ) -> None:
        self._application = application
        self._clock = clock
        self._wall_clock = wall_clock
        self._requests = Meter(quotas.requests) if quotas.requests else None
        self._tokens = Meter(quotas.tokens) if quotas.tokens else None
        self._bytes = Meter(quotas.bytes) if quotas.bytes else None
        self._slots = Slots(quotas.concurrent) if quotas.concurrent else None
        self._token_ledger = Ledger(quotas.token_budget) if quotas.token_budget else None
        self._money_ledger = Ledger(quotas.money_budget) if quotas.money_budget else None

    def admit(self) -> str | Refusal:
        """Take one request and a slot; returns the slot's name, empty where there are none."""
        for ledger, what in ((self._token_ledger, "token"), (self._money_ledger, "money")):
            if ledger:
                standing = ledger.standing(self._application, self._wall_clock())
                if standing.is_spent:
                    return budget_spent(what, standing.resets_in)
        if self._requests:
            wait = self._requests.take(self._application, 1, self._clock())
            if wait:
                return too_many("requests", wait)
        if self._slots is None:
            return ""
        if self._slots.enter(self._application):
            return "slot"
        if self._requests:
            self._requests.charge(self._application, -1, self._clock())  # a refusal takes nothing
        return too_many_at_once()

    def take(self, length: int, tokens: int) -> Refusal | None:
        """Take a request's bytes and estimated tokens."""
        now = self._clock()
        wait = self._bytes.take(self._application, length, now) if self._bytes else 0.0
        if wait:
            return too_many("bytes", wait)
        wait = self._tokens.take(self._application, tokens, now) if self._tokens else 0.0
        if wait and self._bytes:
            self._bytes.charge(self._application, -length, now)  # both, or neither
        return too_many("tokens", wait) if wait else None

    def charge(self, prompt: int, completion: int, money: float) -> bool:
        """Charge what an answer used; true where a budget's soft threshold is reached."""
        # The prompt was taken from the rate by estimate when it was weighed.
        if self._tokens:
            self._tokens.charge(self._application, completion, self._clock())
        warned, now = False, self._wall_clock()
        for ledger, amount in ((self._token_ledger, float(prompt + completion)), (self._money_ledger, money)):
            if ledger:
                ledger.spend(self._application, amount, now)
                warned = warned or ledger.standing(self._application, now).is_warned
        return warned

    def leave(self, slot: str) -> None:
        """Give a slot back."""
        if slot and self._slots:
            self._slots.leave(self._application)


class MeteredGate:
    """A gatekeeper: a perimeter, and the meters of each application.

    Args:
        perimeter: authenticates and authorises.
        quotas: by application; an application that is missing has none.
        price: money that an answer cost.
        meters: makes the meters of an application.
    """

    def __init__(
        self,
        perimeter: Perimeter,
        quotas: Mapping[str, Quotas],
        price: Callable[[Usage], float],
        *,
        meters: Callable[[str, Quotas], Meters],
    ) -> None:
        self._perimeter = perimeter
        self._quotas = quotas
        self._make = meters
        self._meters = {application: meters(application, quota) for application, quota in quotas.items()}
        self._price = price

    def renew(self, perimeter: Perimeter, quotas: Mapping[str, Quotas], price: Callable[[Usage], float]) -> None:
        """Go on under another perimeter file; what applications used stays used where their quotas are the same."""
        known, before = self._meters, self._quotas
        self._meters = {
            application: known[application] if before.get(application) == quota else self._make(application, quota)
            for application, quota in quotas.items()
        }
        self._quotas, self._perimeter, self._price = quotas, perimeter, price

    def admit(self, credentials: Credentials, *, service: str, route: str = "") -> Admission | Refusal:
        """Let a request in, or say why not."""
        grant = self._perimeter.admit(credentials, service=service, route=route)
        if isinstance(grant, Refusal):
            return grant
        meters = self._meters.get(grant.application)
        if meters is None:
            return Admission(grant)
        slot = meters.admit()
        return slot if isinstance(slot, Refusal) else Admission(grant, slot)

    def weigh(self, admission: Admission, *, model: str, length: int, messages: int) -> Refusal | None:
        """Say whether a request's body is within the limits.

        Args:
            admission: of the request.
            model: that it asks for.
            length: of its body, in bytes.
            messages: how many it holds.
        """
        application = admission.grant.application
        refused = self._perimeter.allow_model(admission.grant, model)
        meters, quotas = self._meters.get(application), self._quotas.get(application)
        if refused or meters is None or quotas is None:
            return refused
        tokens = -(-length // BYTES_A_TOKEN)
        if quotas.max_messages is not None and messages > quotas.max_messages:
            return Refusal(413, "too_many_messages", f"More than {quotas.max_messages} messages in one request.")
        if quotas.max_tokens is not None and tokens > quotas.max_tokens:
            return Refusal(413, "too_many_tokens", f"More than {quotas.max_tokens} tokens in one request, by estimate.")
        return meters.take(length, tokens)

    def charge(self, admission: Admission, usage: Usage) -> bool:
        """Charge what an answer used; true where a budget's soft threshold is reached."""
        meters = self._meters.get(admission.grant.application)
        if meters is None:
            return False
        return meters.charge(usage.prompt_tokens, usage.completion_tokens, self._price(usage))

    def leave(self, admission: Admission) -> None:
        """Give back what a request held while it ran."""
        meters = self._meters.get(admission.grant.application)
        if admission.slot and meters:
            meters.leave(admission.slot)
