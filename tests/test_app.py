"""The composition root: what a snapshot has ready."""

from sidecar import config
from sidecar.app import compile_snapshot
from sidecar.core import streaming
from sidecar.model import TARGETS
from sidecar.rules.bundle import read_bundle
from sidecar.rules.policy import read_policy


def test_nothing_is_built_for_the_first_message_of_a_warm_snapshot():
    """Lanes of every override and the hold-back automatons are there; the first exchange only runs."""
    document = read_policy(
        b"schema: 1\nname: t\nfamilies: {secret: {action: mask}}\n"
        b'overrides: [{application: "shop-*", families: {secret: {action: block}}}]\n',
        "t.yaml",
    )
    snapshot = compile_snapshot(read_bundle(config.read_folder(config.shipped_rules())), document)
    snapshot.warm()
    lanes, built = len(snapshot._lanes), streaming._build.cache_info().misses

    for application in ("", "shop-a", "shop-b"):
        lane = snapshot.filter(application, "/v1/chat/completions").lane
        for target in TARGETS:
            if target.startswith("response."):
                streaming.prefixes_of(lane, target)

    assert (len(snapshot._lanes), streaming._build.cache_info().misses) == (lanes, built)
