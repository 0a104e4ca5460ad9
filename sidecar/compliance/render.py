"""Writes a summary as HTML with charts, Markdown, CSV or JSON; everything that came from outside is escaped."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from html import escape

import msgspec

from sidecar.compliance.mapping import NOT_COVERED, OWASP, REQUIREMENTS
from sidecar.compliance.summary import Day, Summary

_VERDICTS = ("allow", "flag", "mask", "block")
_COLOURS = {"allow": "#4c8f5b", "flag": "#c9a227", "mask": "#2f7f9e", "block": "#b3261e"}
# Bars that fit a page; the tables hold the rest.
_BARS = 12
_SPENT = ("prompt tokens", "completion tokens", "money", "answers beyond a soft threshold")
# Dates under the columns; more would run into each other.
_DATES = 12
# Longer tables are folded away beneath their chart.
_ROWS_SHOWN = 15

Table = tuple[str, Sequence[str], list[Sequence[str]]]


def render(summary: Summary, form: str) -> str:
    """Write a summary.

    Args:
        summary: what happened.
        form: `html`, `md`, `csv` or `json`.
    """
    return _FORMS[form](summary)


def _tables(summary: Summary) -> list[Table]:
    """Return the sections: heading, columns, rows."""

    def counted(values: Mapping[str, int]) -> list[Sequence[str]]:
        return [(name or "(none)", f"{count:,}") for name, count in values.items()]

    def verdicts(days: Mapping[str, Day]) -> list[Sequence[str]]:
        return [(name, *(f"{getattr(day, verdict):,}" for verdict in _VERDICTS)) for name, day in days.items()]

    changes: list[Sequence[str]] = [
        (_moment(change.time), change.event.replace("_", " "), _facts(change.detail)) for change in summary.changes
    ]
    categories: list[Sequence[str]] = [
        (_category(tag), OWASP.get(tag, ""), f"{count:,}") for tag, count in sorted(summary.categories.items())
    ]
    usage: list[Sequence[str]] = [
        (
            name or "(not named)",
            f"{item.prompt:,.0f}",
            f"{item.completion:,.0f}",
            f"{item.money:,.2f}",
            f"{item.warned:,.0f}",
        )
        for name, item in sorted(summary.usage.items())
    ]
    gaps: list[Sequence[str]] = [
        ("records dropped", f"{summary.dropped:,}"),
        *(("fault", fault) for fault in summary.faults),
    ]
    gaps += [("day without a decision", name) for name, day in summary.days.items() if day == Day()]
    return [
        ("Volumes", ("day", *_VERDICTS), verdicts(summary.days)),
        ("Applications", ("application", *_VERDICTS), verdicts(summary.by_application)),
        ("Blocks", ("rule or reason", "messages"), counted(summary.blocks)),
        ("Blocks by application", ("application", "messages"), counted(summary.blocks_by_application)),
        ("Masked entities", ("entity", "times"), counted(summary.entities)),
        ("OWASP categories", ("category", "name", "messages blocked or masked"), categories),
        ("Rule changes", ("time", "event", "facts"), changes),
        ("Rules in force", ("revision", "decisions"), counted(summary.revisions)),
        ("Usage and budgets", ("application", *_SPENT), usage),
        ("Turned away", ("reason", "requests"), counted(summary.turned_away)),
        ("Incidents", ("code", "messages"), counted(summary.incidents)),
        ("Integrity and gaps", ("what", "where or how many"), gaps),
        (
            "Requirements",
            ("source", "item", "asks for", "see section"),
            [(item.source, item.item, item.asks, item.section) for item in REQUIREMENTS],
        ),
    ]


def _headline(summary: Summary) -> str:
    total = summary.total
    count = sum(getattr(total, verdict) for verdict in _VERDICTS)
    sound = "The log is whole." if not summary.faults else f"The log has {len(summary.faults)} faults."
    return (
        f"{count:,} decisions: {total.block:,} blocked, {total.mask:,} masked, {total.flag:,} flagged, "
        f"{total.allow:,} allowed; the slowest took {summary.slowest_micros / 1000:,.1f} ms. {sound}"
    )


def _moment(time: str) -> str:
    return f"{datetime.fromisoformat(time):%Y-%m-%d %H:%M:%S}"


def _facts(detail: Mapping[str, str]) -> str:
    """Write the facts of a change; of a revision its beginning, as everywhere where people read it."""
    shown = {key: value[:12] if key == "revision" else value for key, value in detail.items() if value}
    return ", ".join(f"{key} {value}" for key, value in shown.items())


def _category(tag: str) -> str:
    code, _, year = tag.removeprefix("owasp:").upper().partition("-")
    return f"{code}:{year}"


def _period(summary: Summary) -> str:
    begin, end = (datetime.fromisoformat(moment) for moment in (summary.begin, summary.end))
    return f"{begin:%d %B %Y, %H:%M} to {end:%d %B %Y, %H:%M} (UTC)"


def _markdown(summary: Summary) -> str:
    out = [f"# Compliance report, {_period(summary)}", "", _headline(summary)]
    for heading, columns, rows in _tables(summary):
        out += ["", f"## {heading}", ""]
        if not rows:
            out.append("Nothing to report.")
            continue
        out += ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
        out += ["| " + " | ".join(_cell(value) for value in row) + " |" for row in rows]
    out += ["", "## Not covered", "", *(f"- {item}" for item in NOT_COVERED), ""]
    return "\n".join(out)


def _cell(value: str) -> str:
    return escape(value, quote=False).replace("|", "\\|").replace("\n", " ")


def _csv(summary: Summary) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(("section", "name", "measure", "value"))
    for heading, columns, rows in _tables(summary):
        for name, *values in rows:
            for column, value in zip(columns[1:], values, strict=True):
                writer.writerow((heading, _formula_safe(name), column, _formula_safe(value)))
    return out.getvalue()


def _formula_safe(value: str) -> str:
    """Keep spreadsheets from running a name that an application chose (OWASP, CSV injection)."""
    return f"'{value}" if value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def _json(summary: Summary) -> str:
    return msgspec.json.format(msgspec.json.encode(summary), indent=2).decode()


def _html(summary: Summary) -> str:
    sections = []
    charts = {"Volumes": _volume_chart(summary.days), "Blocks": _bars(summary.blocks, _COLOURS["block"])}
    charts["Masked entities"] = _bars(summary.entities, _COLOURS["mask"])
    for heading, columns, rows in _tables(summary):
        body = _html_table(columns, rows) if rows else "<p class=none>Nothing to report.</p>"
        if len(rows) > _ROWS_SHOWN and heading in charts:
            body = f"<details><summary>{len(rows)} rows</summary>{body}</details>"
        sections.append(f"<section><h2>{escape(heading)}</h2>{charts.get(heading, '')}{body}</section>")
    missing = "".join(f"<li>{escape(item)}</li>" for item in NOT_COVERED)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Compliance report</title>'
        f"<style>{_STYLE}</style><h1>Compliance report</h1>"
        f"<p class=time>{escape(_period(summary))}</p>"
        f"<p class=headline>{escape(_headline(summary))}</p>{''.join(sections)}"
        f"<section><h2>Not covered</h2><ul>{missing}</ul></section></html>\n"
    )


_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#12263a}"
    "h1{margin-bottom:0}.time{color:#4a5c6e;margin-top:0}.headline{font-size:1.15rem;font-weight:600}"
    "table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem}"
    "th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #dde5ee;overflow-wrap:anywhere}td:first-child{min-width:9rem}"
    "th{color:#4a5c6e;font-weight:600}.number{text-align:right;font-variant-numeric:tabular-nums}svg{max-width:100%}"
    "summary,.none{color:#4a5c6e}@media print{section{break-inside:avoid}}"
)


def _html_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    rows = list(rows)
    numeric = [
        all(row[index].replace(",", "").replace(".", "", 1).isdigit() for row in rows) for index in range(len(columns))
    ]
    kinds = [" class=number" if is_number else "" for is_number in numeric]
    head = "".join(f"<th{kind}>{escape(column)}</th>" for kind, column in zip(kinds, columns, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{kind}>{escape(value)}</td>" for kind, value in zip(kinds, row, strict=True)) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _volume_chart(days: Mapping[str, Day]) -> str:
    """Draw a stacked column for each day."""
    if not days:
        return ""
    width, height, foot = 900, 180, 34
    most = max(sum(getattr(day, verdict) for verdict in _VERDICTS) for day in days.values()) or 1
    step = width / len(days)
    parts = []
    for index, (name, day) in enumerate(days.items()):
        top = float(height)
        for verdict in _VERDICTS:
            size = getattr(day, verdict) / most * (height - 20)
            top -= size
            parts.append(_box(index * step + 1, top, max(1.0, min(step - 2, 60)), size, _COLOURS[verdict]))
        if index % -(-len(days) // _DATES) == 0:
            date = f"{datetime.fromisoformat(name):%d %b}"
            parts.append(f'<text x="{index * step + 1:.1f}" y="{height + 14}" font-size="11">{date}</text>')
    # The scale: what the highest column stands for.
    parts.append(f'<text x="{width}" y="9" font-size="11" text-anchor="end">{most:,} a day at most</text>')
    legend = "".join(
        _box(index * 90, height + 20, 10, 10, _COLOURS[verdict])
        + f'<text x="{index * 90 + 14}" y="{height + 29}" font-size="11">{verdict}</text>'
        for index, verdict in enumerate(_VERDICTS)
    )
    return f'<svg viewBox="0 0 {width} {height + foot}" role="img" aria-label="decisions by day">{"".join(parts)}{legend}</svg>'


def _bars(values: Mapping[str, int], colour: str) -> str:
    """Draw a bar for each of the largest counts."""
    shown = list(values.items())[:_BARS]
    if not shown:
        return ""
    most = max(count for _, count in shown)
    parts = []
    for index, (name, count) in enumerate(shown):
        y = index * 22
        parts.append(f'<text x="300" y="{y + 14}" font-size="12" text-anchor="end">{escape(name[:44])}</text>')
        parts.append(_box(308, y + 3, max(1.0, count / most * 500), 15, colour))
        parts.append(f'<text x="{314 + count / most * 500:.1f}" y="{y + 15}" font-size="12">{count:,}</text>')
    return f'<svg viewBox="0 0 900 {len(shown) * 22}" role="img" aria-label="counts">{"".join(parts)}</svg>'


def _box(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>'


_FORMS: Mapping[str, Callable[[Summary], str]] = {"html": _html, "md": _markdown, "csv": _csv, "json": _json}
