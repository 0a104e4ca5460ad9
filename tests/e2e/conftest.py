"""Real processes for end-to-end tests: a gateway (Envoy, sidecar, echo upstream) in a thread of its own."""

import pytest

from sidecar import config
from sidecar.app import compile_snapshot
from sidecar.errors import ConfigError
from sidecar.gateway.envoy import find_envoy
from sidecar.gateway.run import Settings, run
from sidecar.hosts.envoy import unusable
from sidecar.rules.bundle import read_bundle
from sidecar.rules.policy import read_policy
from tests.chaos.canary import Canary
from tests.e2e.mesh import as_command, in_process, in_thread, mesh
from tests.e2e.settings import POLICY, SETTINGS


@pytest.fixture(scope="session")
def envoy():
    """Envoy's binary; tests that need it are skipped, with the reason, where it is not installed."""
    try:
        return find_envoy()
    except ConfigError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def gateway(envoy, snapshot):
    """A gateway before the echo upstream, with the body modes that ship."""
    with (
        in_thread(run(snapshot, Settings(listen="127.0.0.1:0", concurrency=1))) as started,
        Canary("tests/e2e: gateway", url=started.url, arrived=lambda: list(started.demo.bodies)),
    ):
        yield started


@pytest.fixture(scope="session")
def running_mesh(envoy):
    """A mesh of every setting, under a policy with both verdicts in both directions; tests can reach inside."""
    document = read_policy(POLICY.encode(), "mesh.yaml")
    snapshot = compile_snapshot(read_bundle(config.read_folder(config.shipped_rules())), document)
    with in_thread(mesh(SETTINGS, lambda folder: in_process(folder, snapshot, lambda service: service))) as started:
        yield started


@pytest.fixture(scope="session", params=["grpcio", "envoy"])
def host_mesh(request, envoy):
    """The same before `sidecar serve`, on each host."""
    if request.param == "envoy" and (reason := unusable()):
        pytest.skip(reason)
    with (
        in_thread(mesh(SETTINGS, lambda folder: as_command(folder, POLICY, request.param))) as started,
        Canary(
            f"tests/e2e: mesh[{request.param}]",
            url=started.url("buffered"),
            arrived=lambda: list(started.upstream.bodies),
        ),
    ):
        yield started


# In every run: every API in these settings, these APIs in every setting; the rest of the matrix is for `-m slow`.
_SETTINGS_ALWAYS = {"buffered", "duplex"}
_APIS_ALWAYS = {"openai.chat", "anthropic"}


def pytest_collection_modifyitems(items):
    """Leave most of the matrix to `-m slow`, and of the second host's all but one API."""
    for item in items:
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        if "host_mesh" not in parameters:
            continue
        api = parameters.get("format_", parameters.get("name", "openai.chat"))
        always = parameters.get("setting", "buffered") in _SETTINGS_ALWAYS or api in _APIS_ALWAYS
        if not always or (parameters["host_mesh"] == "envoy" and api != "openai.chat"):
            item.add_marker(pytest.mark.slow)
