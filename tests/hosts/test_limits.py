"""Limits that follow from the policy."""

import pytest

from sidecar.hosts.listen import Limits, limits_for


@pytest.mark.parametrize("body_limit", [1, 10 << 20, 16 << 20, 100 << 20])
def test_every_allowed_body_fits_into_a_message(body_limit):
    """Else the host would answer with a gRPC error what the policy answers with 413; small policies change nothing."""
    given = limits_for(body_limit).max_message_bytes

    assert given >= body_limit + (1 << 20)
    assert given == max(Limits().max_message_bytes, body_limit + (1 << 20))
