"""A Unix socket for each application: who may write to its file is who calls; keys of others do not pass through it."""

import asyncio
import grp
import os
import stat

import grpc
import pytest

from sidecar.adapters._pb import filter_pb2 as pb
from sidecar.errors import ConfigError
from sidecar.hosts import envoy, grpcio
from sidecar.hosts.listen import Listen, UnixAddress, parse_address
from sidecar.rules.perimeter import hash_key
from sidecar.serve import workload
from sidecar.settings import Settings
from sidecar.supervise import _host_for
from tests.delivery.parts import POLICY, bundle
from tests.delivery.test_sources import write

PERIMETER = """
schema: 1
applications:
  - {{name: shop, sockets: [{shop}]}}
  - {{name: desk, sockets: [{desk}], keys: ['{key}'], limits: {{requests: {{amount: 1, seconds: 3600}}}}}}
"""


async def status(address, key=""):
    async with grpc.aio.insecure_channel(address) as channel:
        call = channel.unary_unary(
            "/sidecar.v1.FilterService/Check", pb.CheckRequest.SerializeToString, pb.CheckResponse.FromString
        )
        try:
            await call(pb.CheckRequest(text="hello"), metadata=(("x-portcullis-key", key),) if key else ())
        except grpc.aio.AioRpcError as error:
            return error.code()
        return grpc.StatusCode.OK


def test_socket_says_who_calls(tmp_path):
    """Each has its own limits; a common socket says nothing; a key of another application is refused."""
    write(tmp_path / "rules", bundle())
    (tmp_path / "policy.yaml").write_text(POLICY)
    shop, desk, common = (tmp_path / f"{name}.sock" for name in ("shop", "desk", "common"))
    (tmp_path / "perimeter.yaml").write_text(PERIMETER.format(shop=shop, desk=desk, key=hash_key("desk key")))
    group = grp.getgrgid(os.getgid()).gr_name
    options = {"rules": str(tmp_path / "rules"), "policy": str(tmp_path / "policy.yaml")}

    async def main():
        made = workload({"options": options, "perimeter": str(tmp_path / "perimeter.yaml")})
        addresses = (UnixAddress(shop, 0o660, group), UnixAddress(desk), UnixAddress(common))
        server = await grpcio.start(made.methods, Listen(addresses))
        try:
            return [
                await status(f"unix:{path}", key)
                for path, key in (
                    (shop, ""),
                    (shop, "desk key"),
                    (desk, ""),
                    (desk, ""),
                    (common, ""),
                    (common, "desk key"),
                )
            ]
        finally:
            await server.stop(1)
            await made.close()

    code = grpc.StatusCode
    seen = asyncio.run(main())

    assert seen == [
        code.OK,
        code.UNAUTHENTICATED,
        code.OK,
        code.RESOURCE_EXHAUSTED,
        code.UNAUTHENTICATED,
        code.RESOURCE_EXHAUSTED,
    ]


def test_mode_and_group_are_those_that_were_asked_for(tmp_path):
    """From the first moment on: nobody else could connect in between."""
    group = grp.getgrgid(os.getgid()).gr_name
    address = parse_address(f"unix:{tmp_path}/a.sock?mode=660&group={group}")

    async def main():
        server = await grpcio.start((), Listen((address, UnixAddress(tmp_path / "b.sock"))))
        modes = [stat.S_IMODE((tmp_path / f"{name}.sock").stat().st_mode) for name in "ab"]
        await server.stop(0)
        return modes

    assert asyncio.run(main()) == [0o660, 0o600]


@pytest.mark.parametrize("text", ["unix:/a?mode=9", "unix:/a?mode=66", "unix:/a?owner=x", "unix:a"])
def test_bad_socket_is_refused(text):
    """With what it takes."""
    with pytest.raises(ConfigError):
        parse_address(text)


def test_groups_are_for_the_host_that_knows_them(tmp_path):
    """Envoy sets modes, and no groups."""
    with pytest.raises(ConfigError, match="grpcio"):
        envoy.bootstrap(Listen((UnixAddress(tmp_path / "a.sock", 0o660, "staff"),)), tmp_path / "admin")


def test_sockets_need_the_host_that_knows_them(tmp_path):
    """`auto` takes it and says why; `envoy` is refused."""
    path = tmp_path / "perimeter.yaml"
    path.write_text("schema: 1\napplications: [{name: shop, sockets: [/run/shop.sock]}]\n")
    said = []

    assert _host_for(Settings(perimeter=path), "auto", said.append) == "grpcio"
    assert len(said) == 1
    if not envoy.unusable():
        with pytest.raises(ConfigError, match="grpcio"):
            _host_for(Settings(perimeter=path), "envoy", said.append)
