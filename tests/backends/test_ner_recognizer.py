"""NER in the engine: names are findings, gaps are failures, and only a policy that asks pays for it."""

import asyncio
import gc
import json
import os
import re
import subprocess
import sys
import threading
import time

import msgspec
import pytest

from sidecar.adapters.record import Recorder
from sidecar.app import load_snapshot, recognizers
from sidecar.backends.ner_pool import NerOutcome, NerStatus, PoolSettings
from sidecar.backends.ner_recognizer import WINDOWS_AT_ONCE, Inline, NamesRecognizer, NerService
from sidecar.backends.ner_windows import WINDOW
from sidecar.config import find_policy
from sidecar.core.scan import Found
from sidecar.errors import ConfigError, RecognizerError
from sidecar.model import Verdict
from sidecar.rules.entities import Ner
from sidecar.rules.policy import read_policy
from sidecar.settings import Options
from sidecar.telemetry import Metrics

TEXT = "My name is Margaret Atwater and I live in Toronto."


class Says:
    """Answers the same to every text."""

    def __init__(self, status, reason="", found=()):
        self._outcome = NerOutcome(status, reason, (found,))

    def ask(self, texts):
        """Answer."""
        return self._outcome


class Shouting:
    """Finds every text whole; `sleep` takes its time."""

    def find(self, texts):
        """Find."""
        if any(text == "sleep" for text in texts):
            time.sleep(1)
        return [[Found("PERSON", 0, len(text), 1.0)] for text in texts]


def reporting(source):
    names, gaps = NamesRecognizer(source), []
    names.report_gap = lambda status, reason: gaps.append((status, reason))
    return names, gaps


def broken():
    raise FileNotFoundError("no model")


@pytest.fixture(scope="module")
def full():
    return load_snapshot(Options(policy="full", inline=True))


@pytest.fixture
def service():
    service = NerService(Shouting, PoolSettings(deadline=20.0))
    yield service
    service.close()


def test_full_policy_masks_names(full):
    """Names and places are masked; the rest of the text is as it was."""
    answer = full.filter().check_text(TEXT)

    assert answer.decision.verdict is Verdict.MASK
    assert answer.text == "My name is <PERSON> and I live in <LOCATION>."


def test_default_policy_does_not_load_the_model(snapshot):
    """The policy `default` has no NER, and lets the name pass."""
    policy = read_policy(*find_policy("default"))

    assert recognizers(policy) == () or not any(isinstance(one, NamesRecognizer) for one in recognizers(policy))
    assert snapshot.filter().check_text(TEXT).text == TEXT


def test_default_policy_does_not_import_spacy():
    """Inspecting under `default` imports neither spaCy nor the NER modules."""
    program = (
        "import sys; from sidecar.app import load_snapshot; load_snapshot().filter().check_text('Hello Margaret');"
        "print([name for name in ('spacy', 'sidecar.backends.ner', 'sidecar.backends.ner_pool') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert ran.stdout.strip() == "[]"


def test_same_settings_share_one_model():
    """Snapshots with equal settings hold the same recognizer; it goes with the last of them."""
    policy = msgspec.structs.replace(read_policy(*find_policy("default")), ner=Ner(enabled=True, min_score=0.123))
    first = recognizers(policy, inline=True)[-1]

    assert first is recognizers(policy, inline=True)[-1]


def test_gap_is_an_engine_failure():
    """What the pool could not read raises, with status and reason and without the text."""
    names, gaps = reporting(Says(NerStatus.UNAVAILABLE, "deadline"))

    with pytest.raises(RecognizerError, match="ner_unavailable: deadline"):
        names.find(TEXT, ())
    assert gaps == [("ner_unavailable", "deadline")]


def test_skipping_is_counted():
    """Where the policy says `skip`, nothing is found, and that is counted."""
    names, gaps = reporting(Says(NerStatus.SKIPPED, "overload"))

    assert names.find(TEXT, ()) == []
    assert gaps == [("ner_skipped", "overload")]


def test_gaps_reach_the_metrics(full, monkeypatch):
    """What was not read is counted by status and reason."""
    metrics = Metrics()
    policy = read_policy(*find_policy("full"))
    names = next(
        one
        for one in recognizers(policy, inline=True, observer=Recorder(metrics, str))
        if isinstance(one, NamesRecognizer)
    )
    monkeypatch.setattr(names, "_source", Says(NerStatus.SKIPPED, "overload"))
    names.find(TEXT, ())
    labels = {"status": "ner_skipped", "reason": "overload"}

    assert metrics.registry.get_sample_value("sidecar_ner_gaps_total", labels) == 1


@pytest.mark.parametrize(("mode", "verdict"), [("closed", Verdict.BLOCK), ("open", Verdict.ALLOW)])
def test_gap_meets_the_failure_policy(full, monkeypatch, mode, verdict):
    """A text that NER could not read is refused, or passes where the policy fails open."""
    names = next(one for one in full.table.recognizers if isinstance(one, NamesRecognizer))
    monkeypatch.setattr(names, "_source", Says(NerStatus.UNAVAILABLE, "worker_died"))
    check = full.filter()
    monkeypatch.setattr(
        check, "lane", msgspec.structs.replace(check.lane, fail_open=frozenset({"request"} if mode == "open" else ()))
    )

    answer = check.check_text(TEXT)

    assert (answer.decision.verdict, answer.decision.reason) == (verdict, "engine_failure")


def test_long_text_is_asked_about_in_parts():
    """Every window is asked about, a few at a time, and findings have their place in the whole text."""
    asked = []

    class Dots:
        def ask(self, texts):
            asked.append(len(texts))
            found = [
                tuple(Found("PERSON", m.start(), m.end(), 1.0) for m in re.finditer("Ada", text)) for text in texts
            ]
            return NerOutcome(NerStatus.COMPLETE, "", tuple(found))

    text = "".join(f"line {number} has Ada\n" for number in range(20_000))
    found = NamesRecognizer(Dots()).find(text, ())

    assert [(one.start, one.end) for one in found] == [m.span() for m in re.finditer("Ada", text)]
    assert max(asked) == WINDOWS_AT_ONCE
    assert sum(asked) >= len(text) / WINDOW


def test_inline_asks_at_once():
    """Tools run the finder where they are."""
    assert Inline(Shouting()).ask(["Ada"]) == NerOutcome(NerStatus.COMPLETE, "", ((Found("PERSON", 0, 3, 1.0),),))


def test_service_answers_threads(service):
    """Many threads ask at a time; each gets its own answer."""
    answers = {}

    def ask(number):
        answers[number] = service.ask(["x" * number]).found

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(1, 30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == {number: ((Found("PERSON", 0, number, 1.0),),) for number in range(1, 30)}


def test_service_keeps_the_deadline():
    """A late answer is unavailable, in time."""
    service = NerService(Shouting, PoolSettings(deadline=0.3))
    began = time.monotonic()

    assert service.ask(["sleep"]) == NerOutcome(NerStatus.UNAVAILABLE, "deadline")
    assert time.monotonic() - began < 0.9
    service.close()


def test_service_that_is_closed_is_unavailable(service):
    """After `close`, texts are not read, and the answer says so."""
    service.close()

    assert service.ask(["Ada"]) == NerOutcome(NerStatus.UNAVAILABLE, "closed")


def test_service_without_a_model_does_not_start():
    """A model that does not load is a configuration error, at load."""
    with pytest.raises(ConfigError, match="could not load its model"):
        NerService(broken)


def test_service_ends_when_nobody_holds_it():
    """The workers of a snapshot that is gone are gone."""
    service = NerService(Shouting, PoolSettings(deadline=20.0))
    worker = service._pool._workers[0]._process.pid
    del service
    gc.collect()
    for _ in range(100):
        try:
            os.kill(worker, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)

    pytest.fail("the worker outlived its service")


@pytest.mark.parametrize(
    "setting", [{"workers": 0}, {"deadline": 0}, {"overload": "hope"}, {"model": "/no/such/model"}]
)
def test_settings_that_cannot_be_used_are_refused(setting, tmp_path):
    """Limits out of range and models that are not there are named."""
    name, content = find_policy("full")
    text = name.decode() if isinstance(name, bytes) else content.decode()
    file = tmp_path / "policy.yaml"
    file.write_text(re.sub("^ner: .*$", "ner: " + json.dumps({"enabled": True, **setting}), text, flags=re.MULTILINE))

    with pytest.raises(ConfigError, match="ner"):
        load_snapshot(Options(policy=str(file), inline=True))


async def test_checks_under_full_do_not_hold_the_loop():
    """While a text waits for its names, the event loop goes on."""
    from sidecar.adapters._pb import filter_pb2 as pb
    from sidecar.adapters.filter_service import FilterService

    loaded = await asyncio.to_thread(load_snapshot, Options(policy="full"))
    names = next(one for one in loaded.table.recognizers if isinstance(one, NamesRecognizer))

    class Slow:
        def ask(self, texts):
            time.sleep(0.5)
            return NerOutcome(NerStatus.COMPLETE, "", ((Found("PERSON", 11, 27, 1.0),),))

    names._source.close()
    names._source = Slow()
    answers = FilterService(lambda: loaded).check_batch(
        pb.CheckBatchRequest(requests=[pb.CheckRequest(id=str(number), text=TEXT) for number in range(3)]), None
    )
    ticks = 0
    task = asyncio.ensure_future(answers)
    while not task.done():
        await asyncio.sleep(0.01)
        ticks += 1

    assert ticks > 5
    assert [answer.text for answer in pb.CheckBatchResponse.FromString(task.result()).responses] == [
        "My name is <PERSON> and I live in Toronto."
    ] * 3
