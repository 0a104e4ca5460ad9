"""The upstreams of one process: a file that is read again."""

import asyncio

import pytest

from sidecar.core.upstreams import Asking, Outbound
from sidecar.errors import ConfigError
from sidecar.forwarding import Keeper, open_upstreams
from sidecar.telemetry import Metrics
from tests.backends import faulty

ASKED = Outbound("POST", "/v1/chat/completions", {}, b"{}")


def write(path, name, url):
    path.write_text(
        f"schema: 1\nupstreams: [{{name: {name}, url: '{url}'}}]\nhealth: {{path: /health, interval: 60}}\n"
    )


async def who(keeper):
    """Return who answers one request."""
    async with keeper.send(ASKED, Asking()) as answer:
        assert answer.status == 200
        return answer.upstream


async def test_file_is_read_again(tmp_path):
    """Requests go by the new file, what is under way ends by the old one, a bad file changes nothing."""
    path, metrics = tmp_path / "up.yaml", Metrics()
    async with faulty.Faulty(faulty.answer()) as one, faulty.Faulty(faulty.answer()) as two:
        write(path, "one", one.url)
        keeper = Keeper("", path, metrics)
        await keeper.start()
        try:
            assert await who(keeper) == "one"
            one.behave = faulty.endless_events
            async with keeper.send(ASKED, Asking()) as answer:
                chunks = answer.chunks()
                await anext(chunks)
                write(path, "two", two.url)
                await keeper.reload()
                assert await who(keeper) == "two"
                assert b"plain words" in await anext(chunks)
            path.write_text("schema: 2\n")
            with pytest.raises(ConfigError, match=r"up\.yaml:1"):
                await keeper.reload()
            assert await who(keeper) == "two"
            text = metrics.render()
            assert 'sidecar_upstream_state{state="up",upstream="two"} 1.0' in text
            assert 'state="up",upstream="one"' not in text
        finally:
            await keeper.close()


async def test_same_file_keeps_connections(tmp_path):
    """A reload of something else leaves upstreams as they are."""
    path = tmp_path / "up.yaml"
    async with faulty.Faulty(faulty.answer()) as one:
        write(path, "one", one.url)
        keeper = Keeper("", path, Metrics())
        for _ in range(3):
            await who(keeper)
            await keeper.reload()

        assert one.connections == 1
        await keeper.close()


async def test_nowhere_to_go():
    """Without a URL and a file there is nothing; with a URL there is nothing to read again."""
    assert open_upstreams("", None, Metrics()) is None
    keeper = open_upstreams("http://127.0.0.1:9", None, Metrics())
    await asyncio.wait_for(keeper.reload(), 5)
    await keeper.close()
