"""Which body modes are good enough, and what is asked for in place of the others."""

import pytest

from sidecar.core.exchange import BodyMode, Caller, Modes
from sidecar.core.modes import safe_modes, unsafe_mode


@pytest.mark.parametrize("request_mode", [*BodyMode, None])
def test_requests_must_be_whole_before_they_go_on(check, request_mode):
    """Only buffered and full-duplex bodies are; a request without a body needs none."""
    caller = Caller(modes=Modes(request_mode, BodyMode.BUFFERED))
    good = request_mode in (BodyMode.BUFFERED, BodyMode.FULL_DUPLEX, None)

    assert unsafe_mode(caller, check.lane, has_body=True) == (None if good else request_mode)
    assert unsafe_mode(caller, check.lane, has_body=False) is None


@pytest.mark.parametrize("request_mode", [*BodyMode, None])
@pytest.mark.parametrize("response_mode", [*BodyMode, None])
def test_asked_for_modes_are_safe(check, request_mode, response_mode):
    """What we ask for is good in every case."""
    modes = safe_modes(Modes(request_mode, response_mode))

    assert unsafe_mode(Caller(modes=modes, overridable=True), check.lane, has_body=True) is None
