"""Recorded conversations of a real Envoy give the same answers today, with no Envoy at hand."""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from google.protobuf.json_format import ParseDict

from sidecar import config
from sidecar.adapters._pb import external_processor_pb2 as pb
from sidecar.adapters.extproc import ExternalProcessor
from sidecar.app import compile_snapshot
from sidecar.rules.bundle import read_bundle
from sidecar.rules.policy import read_policy
from tests.e2e.settings import POLICY
from tests.replay.record import as_json

FILES = sorted(Path(__file__).parent.glob("*.jsonl"))
# What changes with every run or every rule.
_CHANGING = re.compile(r'"(?:revision|decision_id)": "[^"]*"|"rules": \[[^\]]*\]|"score": [0-9.e-]+')


@pytest.fixture(scope="module")
def service(_private_cache):
    """The processor under the policy of the recordings."""
    document = read_policy(POLICY.encode(), "mesh.yaml")
    snapshot = compile_snapshot(read_bundle(config.read_folder(config.shipped_rules())), document)
    return ExternalProcessor(lambda: snapshot)


def comparable(answer):
    """Leave out ids, rules and scores: they change; a refusal is compared by status and details."""
    if "immediateResponse" in answer:
        immediate = answer["immediateResponse"]
        answer = {"status": immediate["status"], "details": immediate["details"]}
    return _CHANGING.sub("", json.dumps(answer, sort_keys=True))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
async def test_recorded_conversation(service, path):
    """Each answer comes when and as it came then."""
    metadata, *lines = [json.loads(line) for line in path.read_text().splitlines()]
    expected = [comparable(line["response"]) for line in lines if "response" in line]

    async def requests():
        for line in lines:
            if "request" in line:
                yield ParseDict(line["request"], pb.ProcessingRequest())

    call = SimpleNamespace(metadata=metadata["metadata"], peer="unix:", peer_identities=())
    given = [comparable(as_json(answer)) async for answer in service.process(requests(), call)]

    assert given == expected


def test_recordings_are_there():
    """A suite over no files would pass."""
    assert len(FILES) >= 11
