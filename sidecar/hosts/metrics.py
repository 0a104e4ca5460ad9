"""Adding up the metrics of all workers: what is counted is summed, what is a state keeps its worker.

Workers count in their own memory, which costs the hot path nothing; prometheus_client's multiprocess mode writes every
increment to a mapped file (RATIONALE.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prometheus_client.parser import text_string_to_metric_families

_SUMMED = ("counter", "histogram", "summary")
# Creation times cannot be added.
_DROPPED_SUFFIX = "_created"

Sample = tuple[str, tuple[tuple[str, str], ...]]


class Totals:
    """The sum over workers, those that have ended included.

    A worker's counters start at zero when it is restarted; what it had counted is kept, so that the sum never falls.
    """

    def __init__(self) -> None:
        self._ended: dict[tuple[str, str, Sample], float] = {}
        self._current: dict[int, str] = {}
        self._help: dict[str, str] = {}

    def update(self, worker: int, text: str) -> None:
        """Take the newest metrics of a worker, in the text format."""
        if not self._help:
            self._help = {family.name: family.documentation for family in text_string_to_metric_families(text)}
        self._current[worker] = text

    def end(self, worker: int) -> None:
        """Keep what a worker had counted when it was last seen; it is gone."""
        for family, kind, sample, value in _samples(self._current.pop(worker, "")):
            if kind in _SUMMED:
                key = (family, kind, sample)
                self._ended[key] = self._ended.get(key, 0.0) + value

    def render(self, extra: Mapping[str, float] | None = None) -> str:
        """Write everything in the text format.

        Args:
            extra: gauges of the supervisor itself, by name.
        """
        kinds: dict[str, str] = {}
        values: dict[str, dict[Sample, float]] = {}
        for (family, kind, sample), value in list(self._ended.items()):  # the admin port reads from another thread
            kinds[family] = kind
            values.setdefault(family, {})[sample] = value
        for worker, text in sorted(self._current.copy().items()):
            for family, kind, (name, labels), value in _samples(text):
                kinds[family] = kind
                sample = (name, labels) if kind in _SUMMED else (name, (*labels, ("worker", str(worker))))
                samples = values.setdefault(family, {})
                samples[sample] = samples.get(sample, 0.0) + value
        lines = [
            line
            for family, kind in kinds.items()
            for line in _family(family, kind, self._help.get(family, ""), values[family])
        ]
        for name, value in (extra or {}).items():
            lines += [f"# TYPE {name} gauge", f"{name} {value:g}"]
        return "\n".join(lines) + "\n"


def _samples(text: str) -> Iterable[tuple[str, str, Sample, float]]:
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if not sample.name.endswith(_DROPPED_SUFFIX):
                yield family.name, family.type, (sample.name, tuple(sorted(sample.labels.items()))), sample.value


def _family(family: str, kind: str, text: str, samples: Mapping[Sample, float]) -> Iterable[str]:
    suffix = "_total" if kind == "counter" else ""
    yield f"# HELP {family}{suffix} {text}"
    yield f"# TYPE {family}{suffix} {kind}"
    for (name, labels), value in samples.items():
        listed = ",".join(f'{label}="{_escape(content)}"' for label, content in labels)
        yield f"{name}{{{listed}}} {value!r}" if listed else f"{name} {value!r}"


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
