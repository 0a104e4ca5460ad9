"""The admin port answers monitoring and nothing else."""

import urllib.error
import urllib.request

import pytest

from sidecar.adapters.admin import Admin
from sidecar.errors import ConfigError


@pytest.fixture
def status():
    return {"ready": True, "workers": []}


@pytest.fixture
def admin(status):
    server = Admin("127.0.0.1", 0, metrics=lambda: "sidecar_up 1\n", status=lambda: status)
    yield server
    server.close()


def get(admin, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{admin.port}{path}", timeout=5) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_metrics(admin):
    """Prometheus' text format comes through."""
    assert get(admin, "/metrics?x=1") == (200, b"sidecar_up 1\n")


def test_readiness_follows_the_status(admin, status):
    """Ready, then draining."""
    before = get(admin, "/readyz")[0]
    status["ready"] = False

    assert [before, get(admin, "/readyz")[0], get(admin, "/healthz")[0]] == [200, 503, 200]


def test_other_paths_do_not_exist(admin):
    """A typo gets a hint."""
    code, body = get(admin, "/")

    assert code == 404
    assert b"/metrics" in body


def test_taken_port_is_said(admin):
    """A second one on the port is refused by name."""
    with pytest.raises(ConfigError, match=str(admin.port)):
        Admin("127.0.0.1", admin.port, metrics=str, status=dict)
