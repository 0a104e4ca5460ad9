"""Every target on inputs of Hypothesis and on mutated seeds: nothing crashes, nothing hangs; the short run of `tests.fuzz.run`."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.run import mutate
from tests.fuzz.targets import TARGETS, seeds

# Building a bundle or running every transform takes milliseconds.
_COUNTS = {"bundle": 40, "normalised": 60}


@pytest.mark.parametrize("name", TARGETS)
def test_target_takes_any_bytes(name):
    """Bytes of any kind; Hypothesis shrinks what fails."""

    @settings(max_examples=_COUNTS.get(name, 150), deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.binary(max_size=400))
    def take(data):
        TARGETS[name](data)

    take()


@pytest.mark.parametrize("name", TARGETS)
def test_target_takes_mutated_seeds(name):
    """Good inputs with a few changes get deeper."""
    rng, pool = random.Random(7), seeds()[name]
    for _ in range(_COUNTS.get(name, 150)):
        TARGETS[name](mutate(rng, rng.choice(pool), pool))
