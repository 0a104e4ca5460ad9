"""Folders and addresses: what is new is offered once, what cannot be read is said."""

import os

import httpx
import msgspec
import pytest

from sidecar.delivery import sources
from sidecar.delivery.sources import FolderSource, HttpSource, read_offer
from sidecar.errors import BundleError
from sidecar.rules.archive import pack
from sidecar.rules.shipping import ENVELOPE, Envelope, describe
from tests.delivery.parts import bundle


def write(folder, files):
    for path, content in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)


async def test_a_folder_is_offered_once_after_each_change(tmp_path):
    """What it holds at first, the new files after a change, nothing again."""
    write(tmp_path, bundle())
    source = FolderSource(tmp_path)
    before = await source.fetch()
    write(tmp_path, bundle("1.1.0"))
    os.utime(tmp_path / "bundle.yaml", ns=(1, 1))
    offer = await source.fetch()

    assert (before.files, offer.files, await source.fetch()) == (bundle(), bundle("1.1.0"), None)


def test_a_folder_brings_its_signatures(tmp_path):
    """They are not among the files."""
    write(tmp_path, bundle())
    envelope = Envelope(describe(bundle()))
    (tmp_path / ENVELOPE).write_bytes(msgspec.json.encode(envelope))
    offer = read_offer(tmp_path)

    assert (envelope, bundle()) == (offer.envelope, offer.files)


class Server:
    """A bundle server that speaks ETag, or does not."""

    def __init__(self, data, etag='"1"'):
        self.data, self.etag, self.asked, self.status = data, etag, [], 200

    def __call__(self, request):
        self.asked.append(request.headers.get("if-none-match"))
        if self.etag and self.asked[-1] == self.etag:
            return httpx.Response(304)
        return httpx.Response(self.status, content=self.data, headers={"etag": self.etag} if self.etag else {})

    def source(self):
        return HttpSource("https://rules.test/bundle.tar.gz", {"authorization": "Bearer t"}, httpx.MockTransport(self))


async def test_an_address_is_polled_with_its_etag():
    """The second request carries it, and an unchanged bundle is not offered again."""
    server = Server(pack(bundle()))
    source = server.source()
    first, second = await source.fetch(), await source.fetch()
    server.data, server.etag = pack(bundle("1.1.0")), '"2"'
    third = await source.fetch()
    await source.close()

    assert (first.files, second, third.files) == (bundle(), None, bundle("1.1.0"))
    assert server.asked == [None, '"1"', '"1"']


async def test_an_address_without_etag_is_compared_by_content():
    """Servers that send none are not a storm of reloads."""
    source = Server(pack(bundle()), etag="").source()

    assert (bundle(), None) == ((await source.fetch()).files, await source.fetch())


@pytest.mark.parametrize("status", [404, 500, 302])
async def test_an_answer_that_is_no_bundle_is_an_error(status):
    """Missing, broken, and redirected to somewhere else."""
    server = Server(b"x")
    server.status = status

    with pytest.raises(BundleError, match=f"answers {status}"):
        await server.source().fetch()


async def test_a_bundle_that_is_too_big_or_broken_is_an_error(monkeypatch):
    """Reading stops at the limit."""
    with pytest.raises(BundleError, match="not a gzipped tar"):
        await Server(b"x" * 100).source().fetch()
    monkeypatch.setattr(sources, "ARCHIVE_LIMIT", 50)
    with pytest.raises(BundleError, match="more than 50 bytes"):
        await Server(b"x" * 100).source().fetch()


async def test_a_server_that_cannot_be_reached_is_an_error():
    """The message names the address and no more."""

    def fail(request):
        raise httpx.ConnectError("refused", request=request)

    with pytest.raises(BundleError, match=r"cannot be fetched \(ConnectError\)"):
        await HttpSource("https://rules.test/b", transport=httpx.MockTransport(fail)).fetch()
