"""The report adds up what the log says, and lets nothing in it run."""

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from sidecar.compliance.render import render
from sidecar.compliance.summary import summarise
from sidecar.core.audit import Change, Fault, Record

EVIL = "=cmd()|<script>alert(1)</script>"
BEGIN, END = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)


def record(day, **fields):
    return Record(time=f"2026-11-{day:02d}T10:00:00.000000+00:00", id="x", **fields)


@pytest.fixture
def summary():
    entries = [
        Record(time="2026-10-31T23:59:59.000000+00:00", id="too-early", verdict="block", rules=("r",)),
        record(2, application="shop"),
        record(2, application=EVIL, verdict="block", rules=("injection-x", "injection-y"), micros=70),
        record(4, application="shop", verdict="mask", rules=("pii-email-address",), entities={"EMAIL_ADDRESS": 3}),
        record(4, verdict="block", reason="engine_failure"),
        Change("2026-11-03T00:00:00+00:00", "reload", {"revision": "abc"}),
        Change("2026-11-03T00:00:01+00:00", "dropped", {"records": "7"}),
    ]
    tags = {"injection-x": ("owasp:llm01-2025", "atlas:AML.T0051"), "injection-y": ("owasp:llm01-2025",)}
    return summarise(entries, begin=BEGIN, end=END, tags=tags, faults=[Fault(3, "was edited")])


def test_counts(summary):
    """Volumes, blocks, entities, categories, incidents and gaps of the time, and of no other."""
    total = summary.total

    assert (total.allow, total.flag, total.mask, total.block) == (1, 0, 1, 2)
    assert summary.blocks == {"injection-x": 1, "injection-y": 1, "engine_failure": 1}
    assert (summary.entities, summary.categories) == ({"EMAIL_ADDRESS": 3}, {"owasp:llm01-2025": 1})
    assert (summary.incidents, summary.dropped, summary.slowest_micros) == ({"engine_failure": 1}, 7, 70)
    assert list(summary.days) == ["2026-11-02", "2026-11-03", "2026-11-04"]


@pytest.mark.parametrize("form", ["html", "md"])
def test_nothing_from_outside_runs(summary, form):
    """An application cannot put markup into the report."""
    text = render(summary, form)

    assert "<script>" not in text
    assert "&lt;script&gt;" in text


def test_spreadsheets_run_no_formula(summary):
    """A name that begins like a formula is text."""
    rows = list(csv.reader(io.StringIO(render(summary, "csv"))))

    assert [f"'{EVIL}"] * 4 == [row[1] for row in rows if EVIL in row[1] and row[0] == "Applications"]


def test_json_is_complete(summary):
    """Programs get every count."""
    assert json.loads(render(summary, "json"))["dropped"] == 7


@pytest.mark.parametrize("words", ["Art. 12", "MEASURE 2.7", "LLM01", "was edited", "2026-11-03", "Not covered"])
def test_people_find_what_they_answer_for(summary, words):
    """Requirements, faults and quiet days stand in the report."""
    assert words in render(summary, "html")


def test_who_was_turned_away_is_added_up():
    """Entries with counts are one table, not a line of changes each."""
    away = [Change(f"2026-11-0{day}T00:00:00+00:00", "turned_away", {"rate_limited": "3"}) for day in (1, 2)]
    summary = summarise(away, begin=BEGIN, end=END, tags={})

    assert (summary.turned_away, summary.changes) == ({"rate_limited": 6}, [])
    assert "rate_limited" in render(summary, "md")


@pytest.mark.parametrize("days", [1, 12, 13, 31, 400])
def test_dates_do_not_run_into_each_other(days):
    """However many days there are, so many dates fit beneath them."""
    entries = [
        Record(time=(BEGIN + timedelta(days=day)).isoformat(timespec="microseconds"), id="x") for day in range(days)
    ]
    text = render(summarise(entries, begin=BEGIN, end=BEGIN + timedelta(days=days + 1), tags={}), "html")
    places = [float(x) for x in re.findall(r'<text x="([0-9.]+)" y="194"', text)]

    assert 1 <= len(places) <= 12
    assert all(after - before >= 60 for before, after in pairwise(places))


def test_usage_is_added_up_by_application():
    """Tokens, money and warnings, over all entries; names may hold spaces."""
    used = {"the shop prompt": "20", "the shop completion": "10", "the shop money": "0.125", "desk warned": "1"}
    entries = [Change(f"2026-11-0{day}T00:00:00+00:00", "usage", used) for day in (1, 2)]
    summary = summarise(entries, begin=BEGIN, end=END, tags={})
    shop = summary.usage["the shop"]

    assert (shop.prompt, shop.completion, shop.money, summary.usage["desk"].warned) == (40, 20, 0.25, 2)
    assert "| the shop | 40 | 20 | 0.25 | 0 |" in render(summary, "md")
