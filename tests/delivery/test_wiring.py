"""What is configured decides what is trusted; nobody pushes by accident."""

import pytest

from sidecar.app import Options
from sidecar.backends.signing import new_key
from sidecar.delivery.wiring import Delivery, RulesWorker, configured, terms_of
from sidecar.errors import BundleError, ConfigError
from tests.delivery.parts import Bench, bundle
from tests.delivery.test_sources import write


@pytest.mark.parametrize(
    ("keys", "required", "expected"), [(0, None, False), (1, None, True), (1, False, False), (0, True, True)]
)
def test_signatures_are_required_where_keys_are_given_unless_said_otherwise(tmp_path, keys, required, expected):
    """Required without keys refuses everything, which is what it says."""
    new_key(tmp_path / "k")
    given = (tmp_path / "k.pub",) * keys

    assert expected is terms_of(Delivery(keys=given, required=required)).trust.required


def test_an_unsigned_folder_is_refused_at_start_where_signatures_are_required(tmp_path):
    """What ships with the program is trusted as the program is."""
    new_key(tmp_path / "k")
    write(tmp_path / "rules", bundle())
    delivery = Delivery(keys=(tmp_path / "k.pub",))

    with pytest.raises(BundleError, match="not signed"):
        configured(delivery, Options(rules=tmp_path / "rules"))
    assert configured(delivery, Options()).files


async def test_the_store_says_what_is_in_force_after_a_restart(tmp_path):
    """Not the folder, which is older by then."""
    bench = Bench(tmp_path)
    await bench.keeper.take(bench.offer(bundle("1.1.0")))
    write(tmp_path / "rules", bundle())

    assert configured(Delivery(store=tmp_path / "store"), Options(rules=tmp_path / "rules")).files == bundle("1.1.0")


@pytest.mark.parametrize("token", ["", "secret"])
def test_push_needs_signatures_or_a_token(tmp_path, monkeypatch, token):
    """Otherwise whoever reaches the port could change the rules."""
    monkeypatch.setenv("SIDECAR_RULES_PUSH_TOKEN", token)
    bench = Bench(tmp_path)

    def make():
        return RulesWorker(
            Delivery(push=True), bench.options, bench.live, bench.observer, load=bench.load, listener=bench.listener
        )

    if token:
        assert len(make().methods()) == 4
    else:
        with pytest.raises(ConfigError, match="from anybody"):
            make()
