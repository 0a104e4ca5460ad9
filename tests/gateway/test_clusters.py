"""Upstreams as Envoy's clusters: what the file says stands in Envoy's words, and Envoy accepts it."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from sidecar.errors import ConfigError
from sidecar.gateway import bootstrap
from sidecar.gateway.clusters import clusters, routes
from sidecar.gateway.envoy import find_envoy
from sidecar.hosts.listen import TcpAddress
from sidecar.rules.upstreams import read_upstreams

FULL = """
schema: 1
upstreams:
  - {name: eu-a, url: "https://eu-a.llm.test/v1", region: eu, concurrent: 20}
  - {name: eu-b, url: "https://eu-b.llm.test:8443/v1", region: eu, concurrent: 30}
  - {name: us, url: "https://127.0.0.1:9443", region: us}
  - {name: local, url: "http://127.0.0.1:4000/base", http2: true}
  - {name: plain, url: "http://plain.test"}
routes:
  - name: gpt
    models: ["gpt-*"]
    to:
      - {upstream: eu-a, weight: 3, priority: 2}
      - {upstream: eu-b, priority: 2}
      - {upstream: us, priority: 7}
  - {name: local, models: ["llama*"], to: [{upstream: local}]}
  - {name: mixed, models: ["mixed"], to: [{upstream: eu-a}, {upstream: plain}]}
residency: [{applications: ["clinic*"], regions: [eu]}]
health: {path: /health, interval: 2, statuses: [200, 204]}
outliers: {consecutive: 4, max_share: 0.3, success_rate: 0.9}
breaker: {failures: 7, seconds: 3}
retries: {attempts: 4, budget: 0.1, wait: 2}
timeouts: {connect: 2, answer: 60}
"""


def forwarding(text=FULL):
    return read_upstreams(text.encode(), "up.yaml")


def named():
    return {cluster["name"]: cluster for cluster in clusters(forwarding(), 1000)}


def test_one_cluster_for_each_pool_with_somebody_in_it():
    """Residency makes pools of its own; a pool with nobody in it has no cluster, as the filter refuses before."""
    assert list(named()) == [
        "upstream_gpt",
        "upstream_gpt@eu",
        "upstream_local",
        "upstream_mixed",
        "upstream_mixed@eu",
    ]


def test_weights_priorities_and_limits():
    """Priorities are numbered without gaps; limits of the members are added up; the lone one has the breaker's words."""
    gpt, local = named()["upstream_gpt"], named()["upstream_local"]
    localities = gpt["load_assignment"]["endpoints"]

    assert [locality["priority"] for locality in localities] == [0, 1]
    assert [item["load_balancing_weight"] for item in localities[0]["lb_endpoints"]] == [3, 1]
    assert gpt["circuit_breakers"]["thresholds"][0]["max_requests"] == 1050
    outliers = gpt["outlier_detection"], local["outlier_detection"]
    assert [item["consecutive_gateway_failure"] for item in outliers] == [4, 7]
    assert [item["enforcing_consecutive_5xx"] for item in outliers] == [100, 0]
    assert (gpt["outlier_detection"]["max_ejection_percent"], gpt["type"]) == (30, "STRICT_DNS")
    assert len(named()["upstream_gpt@eu"]["load_assignment"]["endpoints"]) == 1


def test_tls_is_checked_for_each_by_its_own_name():
    """Each endpoint has the certificate of its own host checked; without TLS there is none."""
    matches = named()["upstream_gpt"]["transport_socket_matches"]

    assert [item["transport_socket"]["typed_config"].get("sni") for item in matches] == [
        "eu-a.llm.test",
        "eu-b.llm.test",
        None,
    ]
    assert "transport_socket" not in named()["upstream_local"]
    assert [item["name"] for item in named()["upstream_mixed"]["transport_socket_matches"]] == ["eu-a"]
    assert "transport_socket" not in named()["upstream_mixed"]


def test_routes_ask_for_the_filters_header_and_take_it_away():
    """No route without it leads to an upstream."""
    written = routes(forwarding())

    assert [route["match"].get("headers", [{}])[0].get("string_match", {}).get("exact") for route in written] == [
        "gpt",
        "gpt@eu",
        "local",
        "mixed",
        "mixed@eu",
        None,
    ]
    assert all(route["request_headers_to_remove"] == ["x-sidecar-upstream"] for route in written[:-1])
    assert written[-1]["direct_response"]["status"] == 503
    assert written[2]["route"]["regex_rewrite"]["substitution"] == "/base/"


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("schema: 1", "schema: 1\nhedge: {after: 1}", "hedge"),
        ("{upstream: plain}", "{upstream: local}", "prefix"),
    ],
)
def test_what_envoy_does_not_do_is_refused(old, new, word):
    """At start, with the reason; never silently left out."""
    with pytest.raises(ConfigError, match=word):
        clusters(forwarding(FULL.replace(old, new)), 1000)


def test_envoy_accepts_all_of_it():
    """`envoy --mode validate` says OK."""
    try:
        binary = find_envoy()
    except ConfigError as error:
        pytest.skip(str(error))
    plan = bootstrap.Plan(
        listen=TcpAddress("127.0.0.1", 8080),
        upstream=forwarding(),
        filter_sockets=("/tmp/filter.sock",),
        admin_socket="/tmp/admin.sock",
        body_limit=1000,
    )
    config = json.dumps(bootstrap.bootstrap(plan))
    command = [binary, "--mode", "validate", "--config-yaml", config, "--base-id", str(os.getpid() % 30_000 + 40_000)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert ran.returncode == 0, ran.stderr[-2000:]


def test_example_of_the_docs_can_be_used_here():
    """docs/forwarding.yaml is for both, `serve` and `gateway`."""
    text = (Path(__file__).parents[2] / "docs" / "forwarding.yaml").read_text()

    assert len(clusters(forwarding(text), 1000)) == 8
