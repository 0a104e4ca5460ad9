"""Adds up audit records: volumes, blocks, masks, changes, incidents and gaps of a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import msgspec

from sidecar.core.audit import Change, Entry, Fault, Record

# Reasons that stand for our own failure; each is an incident.
_INCIDENTS = frozenset(
    {"engine_failure", "deadline_exceeded", "audit_unavailable", "upstream_unavailable", "upstream_failed"}
)


class Day(msgspec.Struct):
    """The decisions of one day, by verdict."""

    allow: int = 0
    flag: int = 0
    mask: int = 0
    block: int = 0


class Spent(msgspec.Struct):
    """What an application used: tokens, money by the price table, and answers beyond the soft threshold of a budget."""

    prompt: float = 0
    completion: float = 0
    money: float = 0
    warned: float = 0


class Summary(msgspec.Struct):
    """What happened in a time.

    Args:
        begin: ISO 8601, inclusive.
        end: ISO 8601, exclusive.
        days: decisions by day and verdict.
        by_application: decisions by application and verdict.
        blocks: blocked messages by rule, or by reason where no rule says it.
        blocks_by_application: blocked messages by application.
        entities: masked entities by type.
        categories: blocked or masked messages by OWASP category, from the tags of the rules.
        revisions: decisions by the revision of the rules.
        changes: starts, reloads, promotions, rollbacks, with their time and facts.
        incidents: our own failures by code.
        usage: tokens and money by application, and how many answers came beyond a budget's soft threshold.
        turned_away: requests that the perimeter, a quota or load turned away, by reason.
        dropped: records that the log could not take.
        faults: what `audit verify` found.
        slowest_micros: the longest decision.
    """

    begin: str
    end: str
    days: dict[str, Day] = {}
    by_application: dict[str, Day] = {}
    blocks: dict[str, int] = {}
    blocks_by_application: dict[str, int] = {}
    entities: dict[str, int] = {}
    categories: dict[str, int] = {}
    revisions: dict[str, int] = {}
    changes: list[Change] = []
    incidents: dict[str, int] = {}
    turned_away: dict[str, int] = {}
    usage: dict[str, Spent] = {}
    dropped: int = 0
    faults: list[str] = []
    slowest_micros: int = 0

    @property
    def total(self) -> Day:
        """The decisions of all days."""
        total = Day()
        for day in self.days.values():
            for verdict in ("allow", "flag", "mask", "block"):
                setattr(total, verdict, getattr(total, verdict) + getattr(day, verdict))
        return total


def summarise(
    entries: Iterable[Entry],
    *,
    begin: datetime,
    end: datetime,
    tags: Mapping[str, tuple[str, ...]],
    faults: Iterable[Fault] = (),
) -> Summary:
    """Add up the entries of a time.

    Args:
        entries: of all logs.
        begin: inclusive, with a time zone.
        end: exclusive.
        tags: the tags of each rule, for OWASP categories.
        faults: what verification found in the logs.
    """
    summary = Summary(begin.isoformat(), end.isoformat())
    counts = {name: Counter[str]() for name in _COUNTED}
    for entry in entries:
        if not begin <= datetime.fromisoformat(entry.time) < end:
            continue
        if isinstance(entry, Record):
            _add(summary, counts, entry, tags)
        elif isinstance(entry, Change) and entry.event == "turned_away":
            counts["turned_away"].update({reason: int(times) for reason, times in entry.detail.items()})
        elif isinstance(entry, Change) and entry.event == "usage":
            _add_usage(summary, entry)
        elif isinstance(entry, Change):
            summary.changes.append(entry)
            summary.dropped += int(entry.detail.get("records", 0)) if entry.event == "dropped" else 0
    for name, counted in counts.items():
        setattr(summary, name, dict(counted.most_common()))
    summary.days = _with_quiet_days(summary.days)
    summary.faults = [f"line {fault.line}: {fault.what}" for fault in faults]
    return summary


_COUNTED = ("blocks", "blocks_by_application", "entities", "categories", "revisions", "incidents", "turned_away")


def _add(
    summary: Summary, counts: dict[str, Counter[str]], record: Record, tags: Mapping[str, tuple[str, ...]]
) -> None:
    application = record.application or "(not named)"
    for day in (
        summary.days.setdefault(record.time[:10], Day()),
        summary.by_application.setdefault(application, Day()),
    ):
        setattr(day, record.verdict, getattr(day, record.verdict) + 1)
    counts["entities"].update(record.entities)
    counts["revisions"][record.revision] += 1
    summary.slowest_micros = max(summary.slowest_micros, record.micros)
    if record.verdict == "block":
        counts["blocks"].update(record.rules or (record.reason,))
        counts["blocks_by_application"][application] += 1
    if record.verdict in ("mask", "block"):
        found = {tag for rule in record.rules for tag in tags.get(rule, ()) if tag.startswith("owasp:")}
        counts["categories"].update(found)
    if record.reason in _INCIDENTS:
        counts["incidents"][record.reason] += 1


def _add_usage(summary: Summary, change: Change) -> None:
    for name, amount in change.detail.items():
        application, _, kind = name.rpartition(" ")
        spent = summary.usage.setdefault(application, Spent())
        setattr(spent, kind, getattr(spent, kind) + float(amount))


def _with_quiet_days(days: Mapping[str, Day]) -> dict[str, Day]:
    """Show days without decisions, too, between the first and the last that had any: they may be gaps."""
    if not days:
        return {}
    first, last = min(days), max(days)
    day, filled = datetime.fromisoformat(first), {}
    while day.date().isoformat() <= last:
        name = day.date().isoformat()
        filled[name] = days.get(name, Day())
        day += timedelta(days=1)
    return filled
