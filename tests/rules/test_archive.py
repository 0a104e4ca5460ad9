"""Archives: round trips, and everything that must not come out of one."""

import gzip
import io
import tarfile

import pytest

from sidecar.errors import BundleError
from sidecar.rules import archive
from sidecar.rules.archive import pack, unpack

FILES = {"bundle.yaml": b"schema: 1\n", "injection/a.yaml": b"x: 1\n"}


def tar(*members):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as made:
        for info, data in members:
            info.size = len(data)
            made.addfile(info, io.BytesIO(data))
    return gzip.compress(packed.getvalue(), mtime=0)


def named(name, kind=tarfile.REGTYPE):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, "/etc/passwd"
    return info


def test_unpack_gives_back_what_was_packed():
    """A round trip, and the same bytes every time."""
    assert unpack(pack(FILES)) == FILES
    assert pack(FILES) == pack(dict(reversed(FILES.items())))


@pytest.mark.parametrize("name", ["../out.yaml", "/etc/cron.d/x", "a/../../b", "a\\..\\b", ".."])
def test_unpack_refuses_paths_that_lead_out(name):
    """No member is written, or even named, outside of the bundle."""
    with pytest.raises(BundleError, match="leads out"):
        unpack(tar((named(name), b"x")))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_unpack_refuses_links_and_special_files(kind):
    """A bundle holds plain files."""
    with pytest.raises(BundleError, match="link or a special file"):
        unpack(tar((named("a", kind), b"")))


def test_unpack_refuses_a_name_given_twice():
    """Two readers could take different ones."""
    with pytest.raises(BundleError, match="given twice"):
        unpack(tar((named("a"), b"1"), (named("./a"), b"2")))


@pytest.mark.parametrize(
    "data", [b"", b"not an archive", pack(FILES)[:-20], gzip.compress(b"no tar here" * 100, mtime=0)]
)
def test_unpack_refuses_what_is_no_archive(data):
    """Half-written and foreign files are refused, whatever they are."""
    with pytest.raises(BundleError, match="not a gzipped tar archive"):
        unpack(data)


def test_unpack_is_bounded(monkeypatch):
    """Compressed size, inflated size and number of members each have a limit."""
    packed = pack({f"f{number}": b"x" * 100 for number in range(50)})
    monkeypatch.setattr(archive, "MEMBERS_LIMIT", 49)
    with pytest.raises(BundleError, match="more than 49 members"):
        unpack(packed)
    monkeypatch.setattr(archive, "BYTES_LIMIT", 4096)
    with pytest.raises(BundleError, match="inflates to more than"):
        unpack(packed)
    monkeypatch.setattr(archive, "ARCHIVE_LIMIT", 10)
    with pytest.raises(BundleError, match="where 10 are allowed"):
        unpack(packed)
