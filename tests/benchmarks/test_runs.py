"""Every benchmark runs, measures the sidecar and its twins, and saves both."""

import shutil

import pytest

from tests.benchmarks.conftest import measured

# Generous: it is a loaded machine with two cores that decides, never the clock.
pytestmark = pytest.mark.timeout(600)

needs_h2load = pytest.mark.skipif(shutil.which("h2load") is None, reason="needs h2load (nghttp2-client)")
HOSTS = ["sidecar, host envoy", "sidecar, host grpcio", "no-op, host envoy", "no-op, grpc.aio"]
ALONE = "no-op, grpc.aio, one process"


def test_scan_measures_itself_beside_its_peers(run_bench):
    """Every kind and length, the bare engine, Presidio, re and RE2; LLM Guard is installed only in the slow suite."""
    report = run_bench("scan", "--no-llm-guard")

    assert measured(report, "clean-1024") == ["sidecar", "bare Hyperscan, same databases"]
    assert measured(report, "presidio") == ["sidecar, PII alone", "Presidio's recognizers"]
    names = measured(report, "peers-1024")
    assert [name.partition(",")[0] for name in names] == [
        "sidecar",
        "bare Hyperscan",
        "Presidio's recognizers",
        "re",
        "google-re2",
    ]
    assert {chart.id for chart in report.charts} == {"length", "peers"}


@pytest.mark.slow
def test_scan_measures_llm_guard(run_bench):
    """LLM Guard's three scanners run in an environment of their own; needs a package index on first use."""
    report = run_bench("scan")

    assert measured(report, "peers-1024")[-4:] == [
        "LLM Guard Regex",
        "LLM Guard Secrets",
        "LLM Guard Anonymize",
        "LLM Guard, all three",
    ]


@needs_h2load
def test_check_measures_both_hosts_beside_both_no_ops(run_bench):
    """Rates and open-loop latencies of all four."""
    report = run_bench("check")

    assert measured(report, "rate-envoy") == [HOSTS[0], *HOSTS[2:], ALONE]
    assert measured(report, "rate-grpcio") == [*HOSTS[1:], ALONE]
    assert measured(report, "p99-envoy") == [HOSTS[0], *HOSTS[2:], ALONE]
    assert [line.name for line in report.charts[0].lines] == [*HOSTS, ALONE]


@needs_h2load
@pytest.mark.slow
def test_batch_measures_both_calls_beside_the_bare_loop(run_bench):
    """`CheckBatch` and `CheckStream`, the no-ops and a Hyperscan loop in Python."""
    report = run_bench("batch")

    for method in ("CheckBatch", "CheckStream"):
        assert measured(report, f"{method}-envoy") == [HOSTS[0], *HOSTS[2:], "bare Hyperscan loop, Python"]


@needs_h2load
@pytest.mark.slow
def test_extproc_measures_beside_envoy_alone(run_bench):
    """Rates and added latency through a real Envoy, beside no-ops and no filter."""
    report = run_bench("extproc")

    for figure in ("rate-envoy", "p50-envoy", "p99-envoy"):
        assert measured(report, figure) == [HOSTS[0], *HOSTS[2:], "Envoy alone"]


@pytest.mark.slow
def test_stream_measures_beside_the_same_envoy_without_a_filter(run_bench):
    """First byte, a token, and memory of streams that are open."""
    report = run_bench("stream")

    assert measured(report, "token-p50") == ["sidecar", "reading the event"]
    assert measured(report, "first-byte-p99-envoy") == [HOSTS[0], "same Envoy, no filter"]
    assert measured(report, "memory-grpcio") == [HOSTS[1], "streams that only sent headers"]


@pytest.mark.slow
def test_startup_measures_cold_and_warm_on_both_hosts(run_bench):
    """A cold cache compiles, a warm one does not; each beside the host with nothing to load."""
    report = run_bench("startup")

    for cache in ("warm", "cold"):
        assert measured(report, f"{cache}-envoy") == [HOSTS[0], HOSTS[2]]
        assert measured(report, f"{cache}-grpcio") == [HOSTS[1], HOSTS[3]]
        assert measured(report, f"cpu-{cache}-grpcio") == [HOSTS[1], HOSTS[3]]


@needs_h2load
@pytest.mark.slow
def test_memory_measures_workers_and_rule_sets(run_bench):
    """Resident memory of workers beside no-ops, and of rule sets beside none; growth over requests."""
    report = run_bench("memory", "--requests", "400")

    for host, names in (("envoy", [HOSTS[0], HOSTS[2]]), ("grpcio", [HOSTS[1], HOSTS[3]])):
        assert measured(report, f"worker-{host}") == names
        assert measured(report, f"growth-{host}") == names
    assert measured(report, "rules-100") == ["sidecar", "the same, no rules"]


@needs_h2load
@pytest.mark.slow
def test_scaling_measures_rules_text_workers_and_concurrency(run_bench):
    """All four dimensions, each beside its twins."""
    report = run_bench("scaling")

    assert measured(report, "rules-100")[0] == "sidecar"
    assert len(measured(report, "rules-100")) == 4
    assert measured(report, "text-1024") == HOSTS
    assert measured(report, "concurrency-32") == HOSTS
    assert {chart.id for chart in report.charts} >= {"rules", "workers", "text", "concurrency", "concurrency-p99"}


@needs_h2load
@pytest.mark.slow
def test_perimeter_measures_the_audit_log_beside_none(run_bench):
    """The perimeter's parts, and `Check` with an audit log beside `Check` without."""
    report = run_bench("perimeter")

    assert measured(report, "audit-envoy") == [f"{HOSTS[0]}, audited", HOSTS[0]]
