"""The metrics of workers add up, and never fall when one is replaced."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from sidecar.hosts.metrics import Totals


def worker(calls, seconds=0.0, queue=0):
    """The metrics of one worker, as text."""
    registry = CollectorRegistry()
    Counter("calls", "Calls.", ("kind",), registry=registry).labels('a "b"\\').inc(calls)
    Histogram("seconds", "Time.", buckets=(0.1, 1), registry=registry).observe(seconds)
    Gauge("queue", "Waiting.", registry=registry).set(queue)
    return generate_latest(registry).decode()


def read(text):
    """Samples of a text, by name and labels; other parsers must be able to read what we write."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_counters_and_histograms_are_summed_and_gauges_keep_their_worker():
    """Three calls here and four there are seven; queues are two."""
    totals = Totals()
    totals.update(0, worker(3, 0.05, queue=1))
    totals.update(1, worker(4, 0.5, queue=2))
    found = read(totals.render({"extra": 5}))

    assert found["calls_total", (("kind", 'a "b"\\'),)] == 7
    assert (found["seconds_bucket", (("le", "0.1"),)], found["seconds_bucket", (("le", "1.0"),)]) == (1, 2)
    assert found["seconds_count", ()] == 2
    assert (found["queue", (("worker", "0"),)], found["queue", (("worker", "1"),)]) == (1, 2)
    assert found["extra", ()] == 5


def test_sum_does_not_fall_when_a_worker_is_replaced():
    """What the old one had counted is kept, also while there is no new one; its gauges are gone."""
    totals = Totals()
    totals.update(0, worker(3))
    totals.update(0, worker(5))
    totals.end(0)
    key = ("calls_total", (("kind", 'a "b"\\'),))
    between = read(totals.render())
    totals.update(0, worker(1))

    assert (between[key], read(totals.render())[key]) == (5, 6)
    assert not any(name == "queue" for name, _ in between)
