"""The key of the seals: one for all workers, whoever starts first."""

from concurrent.futures import ThreadPoolExecutor

from sidecar.backends.audit_keys import load_signer


def test_workers_that_start_at_once_have_one_key(tmp_path):
    """One of them makes it; the others find it whole, and nothing else is left behind."""
    with ThreadPoolExecutor(8) as pool:
        signers = list(pool.map(load_signer, [tmp_path / "log" / "audit.pem"] * 32))

    assert len({signer.key for signer in signers}) == 1
    assert sorted(path.name for path in (tmp_path / "log").iterdir()) == ["audit.pem", "audit.pub"]
