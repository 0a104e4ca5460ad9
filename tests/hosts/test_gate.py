"""Admission: full, closing, idle."""

import asyncio

import pytest

from sidecar.adapters.rpc import Method, RpcError, Shape, Status
from sidecar.hosts.gate import Gate

CHECK = Method("/a.B/Check", Shape.UNARY, None, None, None)
STREAM = Method("/a.B/Process", Shape.BIDI, None, None, None, is_exempt=True)


def test_full_gate_refuses_at_once():
    """RESOURCE_EXHAUSTED, counted; exempt methods have a limit of their own."""
    gate = Gate(1)
    gate.enter(CHECK)
    with pytest.raises(RpcError) as refused:
        gate.enter(CHECK)
    gate.enter(STREAM)

    assert (refused.value.code, gate.refused, gate.in_flight) == (Status.RESOURCE_EXHAUSTED, 1, 2)


async def test_closing_gate_turns_away_until_it_is_quiet():
    """UNAVAILABLE says that the call was not begun and may go elsewhere; CANCELLED would say that the caller gave up."""
    gate = Gate(8)
    gate.enter(CHECK)
    closing = asyncio.create_task(gate.close(5.0))
    await asyncio.sleep(0)
    with pytest.raises(RpcError) as refused:
        gate.enter(CHECK)
    await closing
    gate.leave()

    assert refused.value.code is Status.UNAVAILABLE
    assert await gate.wait_idle(0)
