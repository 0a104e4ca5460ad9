"""Asks a data plane whether its filter is in place: probes that only the filter can answer, and that never go upstream."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import msgspec

from sidecar.core.transaction import SELFTEST_PATH

_SECONDS = 15.0
# Above Envoy Gateway's default buffer of 32 KiB, and above Envoy's own of 1 MiB.
_SIZES = (2, 40 * 1024, 2 * 2**20)


class Probe(msgspec.Struct, frozen=True):
    """One question and its answer.

    Args:
        name: what was asked.
        passed: whether the answer is good.
        detail: a sentence; what to do where it is not good.
    """

    name: str
    passed: bool
    detail: str


class _Facts(msgspec.Struct):
    bytes_seen: int
    request_body_mode: str
    overridable: bool


class _Answer(msgspec.Struct):
    selftest: _Facts


def probe(url: str, *, transport: httpx.BaseTransport | None = None) -> Iterator[Probe]:
    """Ask every question, in order; the later ones make no sense where the first one failed.

    Args:
        url: where the data plane listens.
        transport: how to get there; None for the network.
    """
    with httpx.Client(base_url=url, timeout=_SECONDS, transport=transport, trust_env=False) as client:
        for size in _SIZES:
            found = _ask(client, size)
            yield found
            if not found.passed and size == _SIZES[0]:
                return


def _ask(client: httpx.Client, size: int) -> Probe:
    name = f"a body of {size:,} bytes"
    content = b"[" + b" " * (size - 2) + b"]"
    try:
        answer = client.post(SELFTEST_PATH, content=content, headers={"content-type": "application/json"})
    except httpx.HTTPError as error:
        return Probe(name, passed=False, detail=f"no answer ({type(error).__name__}); does Envoy listen there?")
    if answer.headers.get("x-sidecar-code") != "selftest":
        return Probe(name, passed=False, detail=_blame(answer, size))
    try:
        facts = msgspec.json.decode(answer.content, type=_Answer).selftest
    except msgspec.DecodeError:
        return Probe(name, passed=False, detail="the answer was changed on its way; which filter stands before ours?")
    if facts.bytes_seen != size:
        return Probe(
            name, passed=False, detail=f"the filter saw {facts.bytes_seen:,} bytes of it; is the mode BUFFERED?"
        )
    override = "overrides allowed" if facts.overridable else "no overrides: streamed answers are kept until their end"
    return Probe(name, passed=True, detail=f"{facts.request_body_mode or 'mode not told'}, {override}")


def _blame(answer: httpx.Response, size: int) -> str:
    code = answer.headers.get("x-sidecar-code")
    if code:
        return f"refused by the filter: {answer.status_code} {code}"
    if answer.status_code == 413:
        return f"413 from Envoy itself; raise its buffer limit above {size:,} bytes and the policy's limit"
    if answer.status_code == 500:
        return "500 from Envoy itself: the filter cannot be reached, or disable_immediate_response is true"
    return (
        f"{answer.status_code} from somewhere else: this route is not filtered, or disable_immediate_response is true"
    )
