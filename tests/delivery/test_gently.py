"""Loading beside requests: nothing is looked at by the collector, and nothing is kept for ever."""

import gc
import weakref

import pytest

from sidecar.delivery import gently as module
from sidecar.delivery.gently import gently


class Rules:
    """Stands for a snapshot that a request began with."""


@pytest.fixture(autouse=True)
def _thawed():
    yield
    gc.unfreeze()


def test_garbage_of_requests_does_not_keep_old_rules_for_ever():
    """Found by a soak: a cycle of a request that was frozen by one load is freed by a later one."""
    rules = Rules()
    old = weakref.ref(rules)
    cycle = {"rules": rules}
    cycle["itself"] = cycle
    with gently():
        pass
    del cycle, rules
    for _ in range(module._LOADS_PER_SWEEP):
        with gently():
            pass

    assert old() is None
