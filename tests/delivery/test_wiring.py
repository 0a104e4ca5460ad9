"""What is configured decides what is trusted; nobody pushes by accident."""

import pytest

from sidecar.backends.signing import new_key
from sidecar.delivery.store import Active, Store
from sidecar.delivery.wiring import RulesWorker, begin, terms_of
from sidecar.errors import BundleError, ConfigError
from sidecar.rules.shipping import Floor
from sidecar.settings import Delivery, Options
from tests.delivery.parts import Bench, bundle
from tests.delivery.sidecars import Signed
from tests.delivery.test_sources import write
from tests.rules.test_lint import RULE


@pytest.mark.parametrize(
    ("keys", "required", "expected"), [(0, None, False), (1, None, True), (1, False, False), (0, True, True)]
)
def test_signatures_are_required_where_keys_are_given_unless_said_otherwise(tmp_path, keys, required, expected):
    """Required without keys refuses everything, which is what it says."""
    new_key(tmp_path / "k")
    given = (tmp_path / "k.pub",) * keys

    assert expected is terms_of(Delivery(keys=given, required=required)).trust.required


def start(bench, delivery=None, folder=None):
    """Begin as a worker does, with the bench's policy and store."""
    options = Options(rules=folder, policy=str(bench.policy))
    return begin(delivery or Delivery(), options, bench.load, Store(bench.folder / "store"))


def test_an_unsigned_folder_is_refused_at_start_where_signatures_are_required(tmp_path):
    """Before anything of it is run."""
    new_key(tmp_path / "k")
    write(tmp_path / "rules", bundle())
    bench = Bench(tmp_path, adopts=False)

    with pytest.raises(BundleError, match="not signed"):
        start(bench, Delivery(keys=(tmp_path / "k.pub",)), tmp_path / "rules")


def test_what_ships_needs_no_signature_and_starts_again_from_the_store(tmp_path):
    """A second start found the shipped bundle in the store, unsigned, and refused it."""
    new_key(tmp_path / "k")
    bench = Bench(tmp_path, adopts=False)
    delivery = Delivery(keys=(tmp_path / "k.pub",))
    first = start(bench, delivery)
    bench.store.put(first.snapshot.bundle.rule_set.revision, first.offer.files, None)
    bench.store.activate(
        Active(1, first.snapshot.bundle.rule_set.revision), Floor(first.snapshot.bundle.rule_set.version)
    )

    assert start(bench, delivery).offer.origin == "the store"


@pytest.mark.parametrize(
    ("folder", "version", "origin"),
    [
        (bundle("1.0.0"), "1.1.0", "the store"),
        (bundle("1.2.0"), "1.2.0", "rules"),
        (bundle("1.2.0", rule=RULE.replace("Detects", "Finds")), "1.1.0", "the store"),
        ({"bundle.yaml": b"schema: 1"}, "1.1.0", "the store"),
        ({}, "1.1.0", "the store"),
    ],
)
async def test_a_start_takes_the_store_unless_the_folder_is_newer_and_good(tmp_path, folder, version, origin):
    """Older, newer, newer and bad, unreadable, gone: what cannot be used is told, and the rules that were in force stay."""
    bench = Bench(tmp_path)
    await bench.keeper.take(bench.offer(bundle("1.1.0")))
    write(tmp_path / "rules", folder)
    started = start(bench, folder=tmp_path / "rules")

    assert (started.snapshot.bundle.rule_set.version, started.offer.origin.rpartition("/")[2]) == (version, origin)
    assert bool(started.refused) is (b"Finds" in b"".join(folder.values()) or b"schema: 1" in folder.values())


async def test_what_was_in_force_when_it_expired_goes_on_filtering(tmp_path):
    """A worker that died after the last day of its bundle could not start again; as an offer it is refused."""
    signed = Signed(tmp_path)
    archive = signed.archive(bundle("1.1.0"), signed.envelope(bundle("1.1.0"), expires=1000.0))
    bench = Bench(tmp_path, required=True, keys=[signed.public], clock=900.0)
    taken = await bench.keeper.push(archive, shadow=False)
    write(tmp_path / "rules", bundle())
    monday = start(bench, Delivery(keys=(signed.public,)), tmp_path / "rules")
    new = Bench(tmp_path / "new", required=True, keys=[signed.public])

    assert (taken.outcome, monday.snapshot.bundle.rule_set.version) == ("activated", "1.1.0")
    assert monday.snapshot.admission.expires == 1000.0
    assert (await new.keeper.push(archive, shadow=False)).faults[0].endswith("has expired")


def test_a_bad_folder_does_not_start(tmp_path):
    """A bundle that fails its own tests was taken at start, and refused at a reload."""
    bench = Bench(tmp_path, adopts=False)
    write(tmp_path / "rules", bundle(rule=RULE.replace("please open sesame", "please")))

    with pytest.raises(BundleError, match="should be found and is not"):
        start(bench, folder=tmp_path / "rules")


@pytest.mark.parametrize("token", ["", "secret"])
def test_push_needs_signatures_or_a_token(tmp_path, monkeypatch, token):
    """Otherwise whoever reaches the port could change the rules."""
    monkeypatch.setenv("SIDECAR_RULES_PUSH_TOKEN", token)
    bench = Bench(tmp_path)

    def make():
        return RulesWorker(
            Delivery(push=True),
            bench.options,
            bench.live,
            bench.observer,
            load=bench.load,
            listener=bench.listener,
            store=bench.store,
        )

    if token:
        assert len(make().methods()) == 4
    else:
        with pytest.raises(ConfigError, match="from anybody"):
            make()
