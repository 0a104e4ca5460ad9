"""The cheap way to write a clean message's record gives the bytes of the plain way, whatever is in it."""

from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.core.audit import Chain, encode_entry, verify
from sidecar.core.audit_encoding import EntryEncoder, Passed, to_record
from sidecar.core.filter import Occasion

words = st.text(max_size=12) | st.sampled_from(['"quoted"', "%d %b", "back\\slash", "\x01", ',"micros":7', "Zürich"])
occasions = st.builds(
    Occasion, words, words, st.sampled_from(["request", "response"]), words, st.integers(0, 10_000_000)
)
passed = st.builds(
    Passed,
    st.floats(0, 4e9, allow_nan=False),
    words,
    occasions,
    st.sampled_from(["allow", "flag", "mask", "block"]),
    words,
    st.integers(0, 100_000_000),
    st.text(alphabet="0123456789abcdef", min_size=1, max_size=32),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(passed, min_size=1, max_size=4))
def test_bytes_are_those_of_the_plain_way(entries):
    """One encoder for all of them, so that what it keeps meets other entries."""
    encoder = EntryEncoder()

    assert [encoder.encode(entry) for entry in entries] == [encode_entry(to_record(entry)) for entry in entries]


def test_chain_of_cheap_records_is_whole():
    """Verification decodes what was put together from parts."""
    chain, encoder = Chain(), EntryEncoder()
    occasion = Occasion("shop", "/v1/chat/completions", "request", "openai.chat", 1000)
    entries = [Passed(1e9 + n / 3, f"a-{n:x}", occasion, "allow", "r", n, "d" * 32) for n in range(50)]
    lines = [chain.append_encoded(encoder.encode(entry)) for entry in entries]

    assert list(verify(lines, check=lambda seal: True)) == []
