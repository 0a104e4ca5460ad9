"""Envoy's configuration as a value: what is given on the command line ends up in the right place."""

import json
import os
import subprocess

import pytest

from sidecar.core.upstreams import Location
from sidecar.errors import ConfigError
from sidecar.gateway import bootstrap
from sidecar.gateway.envoy import find_envoy, require_free
from sidecar.hosts.listen import TcpAddress


def plan(upstream="http://127.0.0.1:4000", **more):
    return bootstrap.Plan(
        listen=TcpAddress("127.0.0.1", 8080),
        upstream=bootstrap.parse_upstream(upstream),
        filter_sockets=("/tmp/filter.sock",),
        admin_socket="/tmp/admin.sock",
        body_limit=1000,
        **more,
    )


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:80", "127.0.0.1", 80),
        (":80", "127.0.0.1", 80),
        ("localhost:1", "127.0.0.1", 1),
        ("[::1]:9", "::1", 9),
    ],
)
def test_listen_address_is_read(text, host, port):
    """Loopback where no host is given."""
    assert bootstrap.parse_listen(text) == TcpAddress(host, port)


@pytest.mark.parametrize("text", ["8080", "host:", "example.com:80", "1.2.3.4:99999", "unix:/tmp/x", ""])
def test_bad_listen_address_is_refused(text):
    """With the option's name or what was given in the message."""
    with pytest.raises(ConfigError):
        bootstrap.parse_listen(text)


@pytest.mark.parametrize(
    ("url", "host", "port", "tls", "prefix"),
    [
        ("http://127.0.0.1:4000", "127.0.0.1", 4000, False, ""),
        ("https://llm.example.com", "llm.example.com", 443, True, ""),
        ("https://llm.example.com/v1/", "llm.example.com", 443, True, ""),
        ("http://llm.example.com/openai/v1", "llm.example.com", 80, False, "/openai"),
    ],
)
def test_upstream_url_is_read(url, host, port, tls, prefix):
    """Clients ask for /v1/…, and base URLs end in /v1: one of them is enough."""
    [upstream] = bootstrap.parse_upstream(url).directory.upstreams.values()

    assert upstream.location == Location(host, port, tls, prefix)


@pytest.mark.parametrize("url", ["", "demo2", "ftp://x", "http://", "http://x:port", "http://u:p@x", "http://x?q=1"])
def test_bad_upstream_url_is_refused(url):
    """The message shows what a good one looks like."""
    with pytest.raises(ConfigError, match="http"):
        bootstrap.parse_upstream(url)


@pytest.mark.parametrize("url", ["http://127.0.0.1:4000", "https://llm.example.com/azure", "https://127.0.0.1:8443"])
def test_envoy_accepts_what_is_written(url):
    """`envoy --mode validate` says OK, with TLS and without."""
    try:
        binary = find_envoy()
    except ConfigError as error:
        pytest.skip(str(error))
    config = json.dumps(bootstrap.bootstrap(plan(url)))
    command = [binary, "--mode", "validate", "--config-yaml", config, "--base-id", str(os.getpid() % 30_000 + 40_000)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert ran.returncode == 0, ran.stderr[-2000:]


def test_tls_upstreams_are_verified():
    """Name and authority are checked; a gateway that trusts anyone protects nobody."""
    cluster = bootstrap.bootstrap(plan("https://llm.example.com"))["static_resources"]["clusters"][1]
    context = cluster["transport_socket"]["typed_config"]
    validation = context["common_tls_context"]["validation_context"]

    assert context["sni"] == "llm.example.com"
    assert validation["match_typed_subject_alt_names"] == [{"san_type": "DNS", "matcher": {"exact": "llm.example.com"}}]
    assert validation["trusted_ca"]["filename"]


def test_filter_is_closed_and_admin_is_private():
    """No failure of ours lets anything pass; nobody but the owner reaches Envoy's admin interface."""
    config = bootstrap.bootstrap(plan(application="shop"))
    text = json.dumps(config)

    assert '"failure_mode_allow": false' in text
    assert config["admin"]["address"]["pipe"]["mode"] == 0o600
    assert '{"key": "x-sidecar-application", "value": "shop"}' in text


def test_taken_address_is_refused():
    """Before anything is started."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ConfigError, match="cannot listen"):
        require_free(TcpAddress("127.0.0.1", taken.getsockname()[1]))
