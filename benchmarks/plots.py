"""Charts as pictures, SVG or PNG by the file's name; the same colour for the same contender everywhere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

from benchmarks.report import Chart, Line

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullLocator

# Colours that readers with colour blindness can tell apart (Okabe and Ito, and Tol's wine); ours is the blue one.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999", "#882255")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "h")
# Who is in many pictures looks the same in all of them; others take what is left.
_KNOWN = {
    "sidecar": 0,
    "sidecar, host envoy": 0,
    "sidecar, host grpcio": 1,
    "no-op, host envoy": 2,
    "no-op, grpc.aio": 3,
}
# Up to so many points, each has its own mark on the axis.
_MARKED = 12
_PERCENTILES = (0.0, 50.0, 90.0, 99.0, 99.9, 99.99)
_STYLE: dict[Any, Any] = {
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.7,
    "svg.hashsalt": "portcullis",  # the same data gives the same file
    "svg.fonttype": "none",  # text stays text: a fifth of the size, and it can be searched
    "legend.frameon": False,
}


def draw(chart: Chart, path: Path) -> Path:
    """Draw a chart into a file; return the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with plt.rc_context(_STYLE):
        figure, axes = plt.subplots(figsize=(10, 4.8), layout="constrained")
        for line, look in zip(chart.lines, _looks(chart.lines), strict=True):
            _draw_line(axes, chart, line, look)
        _label(axes, chart)
        figure.legend(loc="outside right upper", fontsize=10)
        figure.savefig(path, dpi=110, metadata={"Date": None} if path.suffix == ".svg" else None)
        plt.close(figure)
    return path


def _looks(lines: Sequence[Line]) -> list[int]:
    """Return the index of colour and marker for each line."""
    left = iter(sorted(set(range(len(_COLOURS))) - {_KNOWN[line.name] for line in lines if line.name in _KNOWN}))
    return [_KNOWN[line.name] if line.name in _KNOWN else next(left, 0) for line in lines]


def _draw_line(axes: Axes, chart: Chart, line: Line, look: int) -> None:
    xs = [_nines(x) if chart.percentiles else x for x, _ in line.points]
    colour = _COLOURS[look]
    marker = "" if len(xs) > 30 else _MARKERS[look]
    ours = line.name.startswith("sidecar")
    axes.plot(
        xs,
        [y for _, y in line.points],
        label=line.name,
        color=colour,
        marker=marker,
        markersize=5,
        linewidth=2.4 if ours else 1.6,
        linestyle="-" if ours else "--",
    )


def _label(axes: Axes, chart: Chart) -> None:
    axes.set_title(chart.title, loc="left", fontsize=12, fontweight="bold")
    axes.set_xlabel(chart.x)
    axes.set_ylabel(chart.y)
    if chart.percentiles:
        most = max(x for line in chart.lines for x, _ in line.points)
        ticks = [tick for tick in _PERCENTILES if tick <= most]
        axes.set_xticks([_nines(tick) for tick in ticks], [f"{tick:g} %" for tick in ticks])
    else:
        ticks = sorted({x for line in chart.lines for x, _ in line.points})
        if chart.log_x:
            axes.set_xscale("log")
            axes.set_xticks(_apart(ticks))
            axes.xaxis.set_minor_locator(NullLocator())
        elif len(ticks) <= _MARKED:
            axes.set_xticks(ticks)
        axes.xaxis.set_major_formatter(
            FuncFormatter(lambda value, _: (_bytes if "bytes" in chart.x else _short)(value))
        )
    if chart.log_y:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))


def _nines(percentile: float) -> float:
    """Return where a percentile stands: every nine takes the same room."""
    return -math.log10(1 - min(percentile, 99.9999) / 100)


def _apart(ticks: list[float]) -> list[float]:
    """Leave out ticks whose labels would touch on a logarithmic axis."""
    if not ticks:
        return []
    room = math.log10(ticks[-1] / ticks[0]) / 12 if ticks[0] > 0 else 0
    kept = [ticks[0]]
    for tick in ticks[1:]:
        if math.log10(tick / kept[-1]) >= room:
            kept.append(tick)
    return kept


def _short(value: float) -> str:
    for size, sign in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{sign}"
    return f"{value:g}"


def _bytes(value: float) -> str:
    for size, sign in ((2**20, "MB"), (2**10, "KB")):
        if value >= size:
            return f"{value / size:.3g} {sign}"
    return f"{value:g} B"
