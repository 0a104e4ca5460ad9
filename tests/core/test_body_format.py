"""What headers say about a body: format, coding, length; one answer or a refusal."""

import pytest

from sidecar.core.body_format import body_schema, require_length
from sidecar.core.exchange import HeadersEvent
from sidecar.errors import BodyTooLarge, MalformedBody, UnsupportedContent


def headers(*pairs):
    return HeadersEvent("request", pairs)


def test_format_comes_from_path_and_media_type():
    """JSON under a known path is that API's; the direction counts."""
    named = headers(("content-type", "application/json"))

    assert body_schema("request", "/v1/messages", named).name == "anthropic.messages"
    assert body_schema("response", "/v1/messages", named).other.startswith("response.")


def test_two_media_types_are_refused():
    """Filter and upstream might believe different ones."""
    with pytest.raises(UnsupportedContent):
        body_schema("request", "/x", headers(("content-type", "application/json"), ("content-type", "text/plain")))


@pytest.mark.parametrize("value", ["-1", "1,1", "0x10", "", "1 ", "\u0661"])
def test_odd_lengths_are_malformed(value):
    """Only digits are a length; int() would take more."""
    with pytest.raises(MalformedBody):
        require_length(headers(("content-length", value)), 100)


def test_lengths_that_disagree_are_malformed():
    """Two lengths are request smuggling."""
    with pytest.raises(MalformedBody):
        require_length(headers(("content-length", "1"), ("content-length", "2")), 100)


def test_length_above_the_limit_is_too_large():
    """Refused before a byte of it comes; the limit itself is fine."""
    require_length(headers(("content-length", "100")), 100)
    with pytest.raises(BodyTooLarge):
        require_length(headers(("content-length", "101")), 100)
