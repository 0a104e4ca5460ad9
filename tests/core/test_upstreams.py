"""Routing and residency as values, and paths that everybody reads alike."""

import pytest

from sidecar.core.upstreams import (
    Asking,
    Directory,
    Location,
    Outbound,
    Residency,
    Route,
    Target,
    Upstream,
    alone,
    is_safe_path,
)

EU, US = (Upstream(name, Location("h", 1), region=name) for name in ("eu", "us"))
NOWHERE = Upstream("nowhere", Location("h", 1))
ALL = tuple(Target(name) for name in ("eu", "us", "nowhere"))
DIRECTORY = Directory(
    (EU, US, NOWHERE),
    (
        Route("gold", (Target("eu"),), headers={"x-tier": "gold*"}),
        Route("clinic", (Target("us"),), applications=("clinic",), paths=("/v1/embeddings",)),
        Route("gpt", ALL, models=("gpt-4*", "o?")),
    ),
    (Residency(("eu",), applications=("clinic*",)),),
)


@pytest.mark.parametrize(
    ("asking", "pool"),
    [
        (Asking(model="gpt-4o"), "gpt"),
        (Asking(model="o1"), "gpt"),
        (Asking(model="o1-mini"), None),
        (Asking(), None),
        (Asking(model="x", headers={"x-tier": "golden"}), "gold"),
        (Asking(model="gpt-4", headers={"x-tier": "silver"}), "gpt"),
        (Asking("clinic-2", model="gpt-4"), "gpt@eu"),
        (Asking("clinic", path="/v1/embeddings", model="gpt-4"), "clinic@eu"),
        (Asking("clinic", path="/v1/chat/completions", model="gpt-4"), "gpt@eu"),
    ],
)
def test_first_route_that_matches_counts(asking, pool):
    """Everything that a route names must match; residency narrows what is left."""
    found = DIRECTORY.find(asking)

    assert (found.name if found else None) == pool


def test_residency_leaves_only_the_region():
    """Neither another region nor an upstream that says no region is left, even if nobody is."""
    assert DIRECTORY.find(Asking("clinic", model="gpt-4")).targets == (Target("eu"),)
    assert DIRECTORY.find(Asking("clinic", path="/v1/embeddings")).targets == ()


def test_pools_are_a_closed_set():
    """Whatever is asked, the pool was known at load; Envoy's clusters are made from these."""
    assert [pool.name for pool in DIRECTORY.pools] == ["gold", "gold@eu", "clinic", "clinic@eu", "gpt", "gpt@eu"]


def test_alone_takes_everything():
    """`--upstream URL` is a directory of one."""
    assert alone(EU).find(Asking("any", "/x", "any")).targets == (Target("eu"),)


@pytest.mark.parametrize(
    ("location", "url"),
    [
        (Location("h", 80), "http://h"),
        (Location("h", 443, tls=True), "https://h"),
        (Location("h", 8443, tls=True, prefix="/llm"), "https://h:8443/llm"),
        (Location("::1", 4000), "http://[::1]:4000"),
    ],
)
def test_location_is_written_as_http_does(location, url):
    """The port stands only where it is not the scheme's own; IPv6 in brackets."""
    assert location.url == url


@pytest.mark.parametrize(
    "path", ["/", "/v1/chat/completions?x=1", "/v1/models/a.b:generate", "/.well-known/x", "/a..b"]
)
def test_plain_paths_are_safe(path):
    """What clients send every day."""
    assert is_safe_path(path)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "v1",
        "@evil.test/v1",
        ":80@evil.test/",
        "/a/../admin",
        "/a/%2e%2E/admin",
        "/..",
        "/a/./b",
        "/a\\..\\admin",
        "/a b",
        "/a\r\nx: y",
        "/a#b",
        "/\u00e9",
        "/a\x00",
    ],
)
def test_paths_that_parsers_read_differently_are_not(path):
    """Another host, another path, another header: none of them is sent."""
    assert not is_safe_path(path)


def test_outbound_shows_no_text():
    """A traceback holds lengths."""
    assert repr(Outbound("POST", "/secret", {"a": "secret"}, b"secret")) == "Outbound('POST', length=6)"
