"""The example of docs/forwarding.md says what it says it says."""

from pathlib import Path

import msgspec

from sidecar.core.balance import Breaker, Outliers
from sidecar.core.retries import Retries
from sidecar.core.upstreams import Asking
from sidecar.rules.upstreams import (
    HealthChecks,
    Hedging,
    ResidencySettings,
    RouteSettings,
    TargetSettings,
    Timeouts,
    UpstreamsDocument,
    UpstreamSettings,
    read_upstreams,
)

FILE = Path(__file__).parents[2] / "docs" / "forwarding.yaml"


def test_example_is_a_good_file():
    """It reads, routes as its comments promise, and its values are the defaults where there are any."""
    forwarding = read_upstreams(FILE.read_bytes(), FILE.name)
    find = forwarding.directory.find

    assert find(Asking(model="gpt-4o")).name == "gpt"
    assert find(Asking("clinic-1", "/v1/chat/completions", "gpt-4o")).name == "gpt@eu"
    assert find(Asking("clinic-1", "/v1/chat/completions", "o1")).targets[-1].upstream == "eu-b"
    assert find(Asking("shop", "/v1/models")).name == "lists"
    assert find(Asking("shop", "/v1/chat/completions", "llama3")) is None
    defaults = UpstreamsDocument(schema=1, upstreams=())
    for name in ("outliers", "breaker", "retries", "timeouts"):
        assert getattr(forwarding, name) == getattr(defaults, name)


KINDS = (
    UpstreamsDocument,
    UpstreamSettings,
    TargetSettings,
    RouteSettings,
    ResidencySettings,
    HealthChecks,
    Hedging,
    Timeouts,
    Outliers,
    Breaker,
    Retries,
)


def test_example_shows_every_key():
    """A key that the file may have and the example does not show, at least in a comment, is a gap in the docs."""
    text = FILE.read_text()
    keys = {field.encode_name for kind in KINDS for field in msgspec.structs.fields(kind)}

    assert [key for key in sorted(keys) if f"{key}:" not in text and f"`{key}`" not in text] == []
