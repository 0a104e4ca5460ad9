"""Faults are tried on both hosts; a canary goes through the whole path in every one of these tests."""

import contextlib

import pytest

from sidecar.errors import ConfigError
from sidecar.gateway.envoy import find_envoy
from sidecar.hosts import envoy
from tests.chaos.rig import rig

HOSTS = (
    "grpcio",
    pytest.param("envoy", marks=pytest.mark.skipif(bool(envoy.unusable()), reason=envoy.unusable() or "-")),
)


@pytest.fixture(params=HOSTS)
def host(request):
    """Each host that can be used here."""
    return request.param


@pytest.fixture(scope="session", params=HOSTS)
def shared(request):
    """A whole path that faults of the outside leave as it was; two workers."""
    _require_envoy()
    with rig(request.param) as running:
        yield running


@pytest.fixture
def path(shared, request):
    """The shared path with its canary; the upstream behaves well when the test begins."""
    shared.upstream.reset()
    with shared.canary(request.node.nodeid.rpartition("/")[2]):
        yield shared


@pytest.fixture
def whole_path(host, request):
    """Return what makes whole paths that a test may break; `canary` are settings of theirs, the rest goes to `rig`."""
    _require_envoy()

    @contextlib.contextmanager
    def start(*arguments, canary=None, **more):
        with (
            rig(host, *arguments, **more) as running,
            running.canary(request.node.nodeid.rpartition("/")[2], **(canary or {})),
        ):
            yield running

    return start


def _require_envoy():
    try:
        find_envoy()
    except ConfigError as error:
        pytest.skip(str(error))
