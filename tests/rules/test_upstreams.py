"""The upstreams file: what it says, and every fault with its line and key."""

import pytest

from sidecar.core.upstreams import Asking, Location, Target
from sidecar.errors import ConfigError
from sidecar.rules.upstreams import ONLY, parse_url, read_upstreams, single

FILE = """\
schema: 1
upstreams:
  - {name: eu-a, url: "https://eu.llm.test/v1", region: eu, concurrent: 50}
  - {name: us-a, url: "http://127.0.0.1:4000", region: us, http2: true}
routes:
  - name: gpt
    models: ["gpt-*"]
    to:
      - {upstream: eu-a, weight: 3}
      - {upstream: us-a, priority: 1}
residency:
  - {applications: ["clinic*"], regions: [eu]}
health: {path: /health}
"""


def test_file_is_compiled():
    """Routes, weights, priorities, residency and defaults."""
    forwarding = read_upstreams(FILE.encode(), "up.yaml")
    directory = forwarding.directory

    assert directory.upstreams["eu-a"].location == Location("eu.llm.test", 443, tls=True)
    assert directory.find(Asking(model="gpt-4")).targets == (Target("eu-a", 3), Target("us-a", 1, 1))
    assert directory.find(Asking("clinic", model="gpt-4")).targets == (Target("eu-a", 3),)
    assert (forwarding.health.interval, forwarding.hedge, forwarding.retries.attempts) == (5.0, None, 3)


def test_without_routes_everything_goes_everywhere():
    """The shortest useful file."""
    data = b"schema: 1\nupstreams: [{name: a, url: 'http://a'}, {name: b, url: 'http://b'}]\n"

    assert read_upstreams(data, "up.yaml").directory.find(Asking()).targets == (Target("a"), Target("b"))


FAULTS = {
    "unknown key": ("region: eu,", "regoin: eu,", "up.yaml:3:", "regoin"),
    "unknown upstream": ("{upstream: us-a, priority", "{upstream: us-b, priority", "up.yaml:10:", "us-b"),
    "name twice": ("name: us-a", "name: eu-a", "up.yaml:4:", "name: is given twice"),
    "upstream twice": ("{upstream: us-a, priority", "{upstream: eu-a, priority", "up.yaml:10:", "given twice"),
    "no url": ("http://127.0.0.1:4000", "ftp://127.0.0.1", "up.yaml:4:", "url"),
    "bad port": ("http://127.0.0.1:4000", "http://h:99999", "up.yaml:4:", "url"),
    "credentials in url": ("http://127.0.0.1:4000", "http://u:p@h", "up.yaml:4:", "url"),
    "ca without tls": ("http2: true", "ca: x.pem", "up.yaml:4:", "https"),
    "unknown region": ("regions: [eu]", "regions: [mars]", "up.yaml:12:", "mars"),
    "no regions": ("regions: [eu]", "regions: []", "up.yaml:12:", "regions"),
    "zero weight": ("weight: 3", "weight: 0", "up.yaml:9:", "weight"),
    "health path": ("path: /health", "path: health", "up.yaml:13:", "path"),
    "retry 500": ("health: {path: /health}", "retries: {statuses: [500]}", "up.yaml:13:", "nothing was done"),
    "share": ("health: {path: /health}", "outliers: {max_share: 2}", "up.yaml:13:", "share"),
    "unknown nested": ("health: {path: /health}", "breaker: {fails: 2}", "up.yaml:13:", "fails"),
    "upper-case header": ("models: [", "headers: {X-A: b}\n    models: [", "up.yaml:7:", "lower case"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_fault_names_line_and_key(name):
    """Nothing unknown or impossible is taken; the message says where it stands."""
    old, new, place, word = FAULTS[name]
    assert old in FILE

    with pytest.raises(ConfigError) as caught:
        read_upstreams(FILE.replace(old, new).encode(), "up.yaml")

    assert place in str(caught.value)
    assert word in str(caught.value)


def test_all_faults_come_at_once():
    """Two faults, two lines."""
    with pytest.raises(ConfigError) as caught:
        read_upstreams(FILE.replace("http://127", "ftp://127").replace("[eu]", "[mars]").encode(), "up.yaml")

    assert len(str(caught.value).splitlines()) == 2


def test_single_url():
    """`--upstream URL`; the `/v1` of an OpenAI base URL is in every path already."""
    assert single("http://h:1/v1").directory.upstreams[ONLY].location == Location("h", 1)
    with pytest.raises(ConfigError, match="--upstream"):
        single("h:1")


@pytest.mark.parametrize("url", ["", "http://", "http://h?x", "http://h#x", "//h", "https://u@h"])
def test_what_is_no_base_url(url):
    """A base URL has a scheme, a host and perhaps a path."""
    with pytest.raises(ValueError, match="URL"):
        parse_url(url)
