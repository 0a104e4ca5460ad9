"""A bundle as one file: a gzipped tar archive, the convention of OPA; bytes in, bytes out, bounded in every way."""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import PurePosixPath

from sidecar.errors import BundleError

# The shipped bundle has 300 files and 0.5 MB; a hundred times that is a mistake or an attack.
MEMBERS_LIMIT = 20_000
BYTES_LIMIT = 64 * 2**20
# Compressed; a bundle comes over a network, so it is refused before it is inflated.
ARCHIVE_LIMIT = 16 * 2**20


def pack(files: Mapping[str, bytes]) -> bytes:
    """Pack files into an archive; the same files always give the same bytes."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(files):
            member = tarfile.TarInfo(path)
            member.size, member.mode = len(files[path]), 0o644
            archive.addfile(member, io.BytesIO(files[path]))
    return gzip.compress(packed.getvalue(), mtime=0)


def unpack(data: bytes, source: str = "bundle.tar.gz") -> dict[str, bytes]:
    """Unpack an archive.

    Args:
        data: the archive.
        source: its name, for messages.

    Returns:
        Content by path.

    Raises:
        BundleError: no such archive, beyond a limit, a path that leads out, a link or another special member.
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(_inflate(data, source)), mode="r:") as archive:
            return _members(archive, source)
    except (tarfile.TarError, zlib.error, EOFError, UnicodeDecodeError, ValueError) as error:
        raise BundleError(f"{source}:1: not a gzipped tar archive, or cut off ({type(error).__name__})") from None


def _inflate(data: bytes, source: str) -> bytes:
    if len(data) > ARCHIVE_LIMIT:
        raise BundleError(f"{source}:1: {len(data)} bytes where {ARCHIVE_LIMIT} are allowed")
    inflater = zlib.decompressobj(wbits=31)
    # Tar adds a header to each member; what is allowed for the content is enough for both.
    inflated = inflater.decompress(data, BYTES_LIMIT)
    if inflater.unconsumed_tail:
        raise BundleError(f"{source}:1: inflates to more than {BYTES_LIMIT} bytes")
    if not inflater.eof:
        raise BundleError(f"{source}:1: not a gzipped tar archive, or cut off")
    return inflated


def _members(archive: tarfile.TarFile, source: str) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for count, member in enumerate(archive, 1):
        if count > MEMBERS_LIMIT:
            raise BundleError(f"{source}:1: more than {MEMBERS_LIMIT} members")
        if member.isdir():
            continue
        name = member.name.removeprefix("./")
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or not path.parts or "\\" in name or "\0" in name:
            raise BundleError(f"{source}:1: member {count} leads out of the bundle")
        if not member.isreg():
            raise BundleError(f"{source}:1: `{path}` is a link or a special file")
        if path.as_posix() in files:
            raise BundleError(f"{source}:1: `{path}` is given twice")
        content = archive.extractfile(member)
        assert content is not None
        files[path.as_posix()] = content.read()
    return files
