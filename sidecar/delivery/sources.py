"""Where bundles come from: a folder, or an HTTP(S) address that is polled with ETag (the bundle convention of OPA)."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from sidecar import config
from sidecar.delivery.build import Offer
from sidecar.errors import BundleError
from sidecar.rules.archive import ARCHIVE_LIMIT, unpack
from sidecar.rules.shipping import ENVELOPE, read_envelope

if TYPE_CHECKING:
    import httpx

# A bundle server that does not answer must not hold the watcher up for long.
_SECONDS = 20.0


class Source(Protocol):
    """A place that bundles come from."""

    async def fetch(self) -> Offer | None:
        """Return what is there now; None where it is what was returned before.

        Raises:
            BundleError: what is there cannot be read; asked again, it says so again only when it changed.
        """
        ...


class FolderSource:
    """A bundle folder, such as the one `--rules` names.

    Args:
        folder: the bundle's root; `.signatures.json` may stand in it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen = ""

    async def fetch(self) -> Offer | None:
        """Return the folder's files at the first look, and when something in it changed."""
        return await asyncio.to_thread(self._fetch)

    def _fetch(self) -> Offer | None:
        mark = self._mark()
        if mark == self._seen:
            return None
        self._seen = mark
        return read_offer(self._folder)

    def _mark(self) -> str:
        """Return a digest of names, sizes and times; cheaper than reading, and enough to see a change."""
        digest = hashlib.sha256()
        for path in sorted(self._folder.rglob("*")):
            try:
                status = path.stat()
            except OSError:
                continue  # it was removed meanwhile; the next look sees the folder without it
            digest.update(f"{path}\0{status.st_size}\0{status.st_mtime_ns}\0{status.st_ino}\n".encode())
        return digest.hexdigest()


class HttpSource:
    """A bundle as `tar.gz` at an address.

    Args:
        url: `http://` or `https://`.
        headers: sent with each request, such as `authorization`.
        transport: for tests.
    """

    def __init__(
        self, url: str, headers: dict[str, str] | None = None, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._url = url
        self._etag = ""
        self._digest = ""
        # Imported here, at a tenth of a second: most read their rules from a folder.
        import httpx  # noqa: PLC0415 - see above

        self._client = httpx.AsyncClient(headers=headers, timeout=_SECONDS, transport=transport, follow_redirects=False)

    async def fetch(self) -> Offer | None:
        """Ask for the bundle; unchanged by ETag, or by content where the server sends none, it is None."""
        import httpx  # noqa: PLC0415 - see above

        asked = {"accept-encoding": "identity"}
        if self._etag:
            asked["if-none-match"] = self._etag
        try:
            async with self._client.stream("GET", self._url, headers=asked) as answer:
                if answer.status_code == httpx.codes.NOT_MODIFIED:
                    return None
                if answer.status_code != httpx.codes.OK:
                    raise BundleError(f"{self._url}: the server answers {answer.status_code}")
                if "content-encoding" in answer.headers:
                    raise BundleError(f"{self._url}: the server adds a content coding, which was not asked for")
                data = await _read(answer, self._url)
                etag = answer.headers.get("etag", "")
        except httpx.HTTPError as error:
            raise BundleError(f"{self._url}: cannot be fetched ({type(error).__name__})") from None
        self._etag = etag
        digest = hashlib.sha256(data).hexdigest()
        if digest == self._digest:
            return None
        self._digest = digest
        return offer_of_archive(data, self._url)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


async def _read(answer: httpx.Response, url: str) -> bytes:
    parts, total = [], 0
    async for part in answer.aiter_bytes():
        total += len(part)
        if total > ARCHIVE_LIMIT:
            raise BundleError(f"{url}: more than {ARCHIVE_LIMIT} bytes")
        parts.append(part)
    return b"".join(parts)


def read_offer(folder: Path, *, rollback: bool = False) -> Offer:
    """Read a bundle folder with its signatures.

    Raises:
        BundleError: no such folder, or more than the limits allow.
    """
    envelope = folder / ENVELOPE
    try:
        signed = read_envelope(envelope.read_bytes() if envelope.is_file() else None)
        return Offer(config.read_folder(folder), signed, str(folder), rollback)
    except OSError as error:  # it changes while it is read
        raise BundleError(f"{folder}:1: cannot be read ({error.strerror})") from None


def offer_of_archive(data: bytes, origin: str, *, rollback: bool = False) -> Offer:
    """Read a bundle archive with its signatures.

    Raises:
        BundleError: it cannot be read, or is beyond a limit.
    """
    files = unpack(data, origin)
    envelope = read_envelope(files.pop(ENVELOPE, None))
    return Offer(files, envelope, origin, rollback)
