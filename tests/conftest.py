"""Shared fixtures: the shipped rules compiled once, and a private cache so that no test reads another run's database."""

import pytest

from sidecar.app import load_snapshot
from sidecar.settings import Options


@pytest.fixture(scope="session", autouse=True)
def _private_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIDECAR_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def snapshot(_private_cache):
    """The shipped rules under the shipped policy."""
    return load_snapshot(Options())


@pytest.fixture(scope="session")
def check(snapshot):
    """The filter of nobody in particular."""
    return snapshot.filter()
