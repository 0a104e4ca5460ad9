"""What is remembered, and what of it can be trusted."""

import stat

import pytest

from sidecar.delivery.store import Active, Store
from sidecar.errors import BundleError
from sidecar.rules.shipping import Envelope, Floor, describe
from tests.delivery.parts import bundle


def test_a_bundle_comes_back_with_its_signatures(tmp_path):
    """Files and envelope, as they were put."""
    store, envelope = Store(tmp_path / "s"), Envelope(describe(bundle()))
    store.put("ab12", bundle(), envelope)

    assert store.get("ab12") == (bundle(), envelope)


def test_a_published_bundle_does_not_change(tmp_path):
    """Putting another under the same revision leaves the first."""
    store = Store(tmp_path / "s")
    store.put("ab12", bundle(), None)
    store.put("ab12", bundle("2.0.0"), None)

    assert store.get("ab12") == (bundle(), None)


def test_what_runs_and_the_floor_are_remembered(tmp_path):
    """By another process, too; at first there is neither."""
    store = Store(tmp_path / "s")
    empty = (store.active(), store.floor())
    store.activate(Active(3, "ab", "cd", ""), Floor("1.2.0", "ab"))

    assert empty == (Active(), Floor())
    assert (Store(tmp_path / "s").active(), Store(tmp_path / "s").floor()) == (
        Active(3, "ab", "cd", ""),
        Floor("1.2.0", "ab"),
    )


@pytest.mark.parametrize("harm", [b"", b"{", b"junk"])
def test_a_damaged_store_is_an_error_and_never_an_empty_one(tmp_path, harm):
    """A floor that cannot be read is not a floor of zero."""
    store = Store(tmp_path / "s")
    (tmp_path / "s" / "floor.json").write_bytes(harm)
    (tmp_path / "s" / "bundles" / "ab.tar.gz").write_bytes(harm)

    with pytest.raises(BundleError):
        store.floor()
    with pytest.raises(BundleError):
        store.get("ab")


@pytest.mark.parametrize("revision", ["../x", "a/b", ""])
def test_a_revision_is_no_path(tmp_path, revision):
    """Callers name revisions; they lead nowhere else."""
    with pytest.raises(BundleError):
        Store(tmp_path / "s").get(revision)


def test_the_store_is_its_owners(tmp_path):
    """Rules say what is looked for; others need not know."""
    Store(tmp_path / "s")

    assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o700
