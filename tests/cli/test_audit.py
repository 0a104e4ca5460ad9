"""`sidecar audit` on a real log."""

import subprocess
import sys

import pytest

from sidecar.backends.audit_keys import load_signer
from sidecar.backends.audit_log import AuditLog, AuditSettings, log_files, now
from sidecar.core.audit import Record


@pytest.fixture
def folder(tmp_path):
    signer = load_signer(tmp_path / "audit.pem")
    for worker in range(2):
        log = AuditLog(AuditSettings(folder=tmp_path, name=f"audit-{worker}", rotate_bytes=4000), signer)
        for number in range(40):
            log.write(Record(time=now(), id=str(number), application="shop", verdict="block", rules=("r",)))
        log.close()
    return tmp_path


def run(*arguments):
    command = [sys.executable, "-m", "sidecar", "audit", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_whole_log(folder):
    """Exit code 0, and how much was checked."""
    ran = run("verify", folder)

    assert (ran.returncode, "2 logs" in ran.stdout) == (0, True)


@pytest.mark.parametrize("harm", ["edit", "cut", "tail", "file", "head"])
def test_tampering_is_named(folder, harm):
    """Exit code 1, with the file."""
    path = next(path for path in reversed(log_files(folder, "audit-0")) if path.stat().st_size)
    if harm == "edit":
        path.write_bytes(path.read_bytes().replace(b"block", b"allow", 1))
    elif harm == "cut":
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[1:]))
    elif harm == "tail":
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-2]))
    elif harm == "file":
        path.unlink()
    else:
        (folder / "audit-0.head").unlink()
    ran = run("verify", folder)

    assert (ran.returncode, "audit-0" in ran.stdout) == (1, True)


def test_report_says_when_the_log_is_not_whole(folder):
    """A report over a log that was touched says so at the top."""
    path = log_files(folder, "audit-1")[0]
    path.write_bytes(path.read_bytes().replace(b"shop", b"shed", 1))
    ran = run("report", folder, "--format", "md")

    assert ran.returncode == 0
    assert "The log has 1 faults" in ran.stdout


def test_folder_without_a_log(tmp_path):
    """Exit code 78, and what was expected."""
    load_signer(tmp_path / "audit.pem")
    ran = run("verify", tmp_path)

    assert (ran.returncode, "no audit log here" in ran.stderr) == (78, True)
