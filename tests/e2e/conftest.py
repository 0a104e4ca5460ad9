"""Real processes for end-to-end tests: a gateway (Envoy, sidecar, echo upstream) in a thread of its own."""

import pytest

from sidecar import config
from sidecar.app import compile_snapshot
from sidecar.errors import ConfigError
from sidecar.gateway.envoy import find_envoy
from sidecar.gateway.run import Settings, run
from sidecar.rules.bundle import read_bundle
from sidecar.rules.policy import read_policy
from tests.e2e.mesh import in_thread, mesh
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
    with in_thread(run(snapshot, Settings(listen="127.0.0.1:0", concurrency=1))) as started:
        yield started


@pytest.fixture(scope="session")
def running_mesh(envoy):
    """A mesh of every setting, under a policy with both verdicts in both directions."""
    document = read_policy(POLICY.encode(), "mesh.yaml")
    snapshot = compile_snapshot(read_bundle(config.read_folder(config.shipped_rules())), document)
    with in_thread(mesh(snapshot, SETTINGS)) as started:
        yield started
