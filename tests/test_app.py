"""The composition root: what a snapshot has ready."""

import gc

from sidecar import config
from sidecar.app import Snapshot, compile_snapshot, load_files
from sidecar.core import streaming
from sidecar.core.confirm import Plan
from sidecar.core.prefixes import Live
from sidecar.core.streaming import prefixes_of
from sidecar.model import TARGETS
from sidecar.rules.bundle import read_bundle
from sidecar.rules.policy import read_policy
from sidecar.settings import Options
from tests.delivery.parts import POLICY, bundle


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


def test_nothing_of_replaced_rules_stays(tmp_path):
    """Each reload of the shipped rules left 2 MB behind: automatons were kept by the identity of the plans they were made of."""
    options = Options(policy=str(tmp_path / "policy.yaml"))
    (tmp_path / "policy.yaml").write_text(POLICY)

    def plans():
        gc.collect()
        return sum(isinstance(item, Plan) for item in gc.get_objects())

    before = plans()
    for number in range(3):
        load_files(bundle(f"1.{number}.0"), options).warm()

    assert plans() == before


def test_first_answers_find_their_automaton_stepped(snapshot):
    """After the warm-up, prose opens no match whose beginning has to be worked out."""
    own = Snapshot(snapshot.bundle, snapshot.policy, snapshot.table, snapshot.scanner)
    own.warm_streams()
    automaton = prefixes_of(own.filter().lane, "response.text")
    known = dict(automaton._opened)
    automaton.advance(Live(" "), "the harbour lights were bright, and it's late.\n", 0)

    assert set(automaton._opened) == set(known)
