"""An application's rate is one rate, however many workers there are; on each host, over many connections."""

import re
import subprocess
import sys

import grpc
import pytest

from sidecar.adapters._pb import filter_pb2 as pb
from sidecar.hosts import envoy
from sidecar.rules.perimeter import hash_key
from tests.delivery.parts import POLICY, bundle
from tests.delivery.test_sources import write

HOSTS = ("grpcio", pytest.param("envoy", marks=pytest.mark.skipif(bool(envoy.unusable()), reason="no Envoy here")))
PERIMETER = f"""
schema: 1
applications:
  - {{name: shop, keys: ['{hash_key("shop key")}'], limits: {{requests: {{amount: 10, seconds: 86400}}}}}}
"""


def passes(address):
    """Whether a call on a connection of its own is let in."""
    with grpc.insecure_channel(address, (("grpc.use_local_subchannel_pool", 1),)) as channel:
        call = channel.unary_unary(
            "/sidecar.v1.FilterService/Check", pb.CheckRequest.SerializeToString, pb.CheckResponse.FromString
        )
        try:
            call(pb.CheckRequest(text="hello"), timeout=20, metadata=(("x-portcullis-key", "shop key"),))
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
                raise
            return False
        return True


@pytest.mark.parametrize("host", HOSTS)
def test_workers_share_an_applications_rate(tmp_path, host):
    """Ten a day are ten, not ten for each of three workers."""
    write(tmp_path / "rules", bundle())
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "perimeter.yaml").write_text(PERIMETER)
    command = ("serve", "--host", host, "--workers", "3", "--listen", "127.0.0.1:0", "--admin", "off")
    files = {name: str(tmp_path / f"{name}.yaml") for name in ("policy", "perimeter")}
    options = [part for name, path in files.items() for part in (f"--{name}", path)]
    process = subprocess.Popen(
        [sys.executable, "-m", "sidecar", *command, *options, "--rules", str(tmp_path / "rules")],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        ready = next(found for line in process.stderr if (found := re.search(r"ready.* on (\S+)", line)))

        assert sum(passes(ready[1]) for _ in range(40)) == 10
    finally:
        process.terminate()
        process.communicate(timeout=30)
