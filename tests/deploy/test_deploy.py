"""What ships for operators fits what the sidecar really says: metrics exist, alerts have runbooks, options are known."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from sidecar.backends.upstream_metrics import UpstreamMetrics
from sidecar.cli.gateway import gateway
from sidecar.cli.health import health
from sidecar.cli.serve import serve
from sidecar.hosts.gate import Gate
from sidecar.telemetry import Metrics

DEPLOY = Path(__file__).parents[2] / "deploy"
_NAME = re.compile(r"\bsidecar_[a-z0-9_]+")
_SUFFIX = re.compile(r"_(?:total|bucket|count|sum|created)$")
# What the supervisor adds to the workers' own metrics.
SUPERVISOR = {"sidecar_workers_ready", "sidecar_worker_restarts", "sidecar_generation"}
# What the gate of each worker adds.
GATE = {_SUFFIX.sub("", name) for name in _NAME.findall(Gate(1).render())}


def known():
    metrics = Metrics()
    UpstreamMetrics(metrics.registry, metrics.upstream_seconds)
    families = (family.name for family in metrics.registry.collect())
    return {_SUFFIX.sub("", name) for name in families} | SUPERVISOR | GATE


def used(text):
    return {_SUFFIX.sub("", name) for name in _NAME.findall(text)}


@pytest.mark.parametrize("path", sorted(DEPLOY.rglob("*.json")) + sorted(DEPLOY.glob("prometheus/*.yaml")), ids=str)
def test_metrics_exist(path):
    """Dashboards and alerts ask for nothing that is not counted."""
    assert set() == used(path.read_text()) - known()


def test_every_alert_has_its_runbook():
    """Each alert names a section that is there."""
    rules = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yaml").read_text())
    named = {r["annotations"]["runbook"] for g in rules["groups"] for r in g["rules"] if "alert" in r}
    page = (DEPLOY.parent / "docs" / "runbooks.md").read_text()
    there = {f"docs/runbooks.md#{title.lower()}" for title in re.findall(r"^## (\w+)$", page, re.MULTILINE)}

    assert named == there


def test_alerts_fire_when_they_should():
    """Prometheus' own unit tests of the rules."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian: prometheus)")
    ran = subprocess.run(
        [promtool, "test", "rules", DEPLOY / "prometheus" / "alerts_test.yaml"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_manifests_use_options_that_exist():
    """Containers are started with options that the command knows."""
    documents = [doc for path in DEPLOY.glob("kubernetes/*.yaml") for doc in yaml.safe_load_all(path.read_text())]
    containers = [
        c for d in documents if d["kind"] == "Deployment" for c in d["spec"]["template"]["spec"]["initContainers"]
    ]
    options = {option for parameter in serve.params for option in parameter.opts}
    given = {argument for c in containers for argument in c["args"] if argument.startswith("--")}

    assert set() == given - options
    assert [True] * len(containers) == [c["securityContext"]["readOnlyRootFilesystem"] for c in containers]


def test_dashboard_has_panels():
    """The dashboard is one that Grafana can read: every panel has a query."""
    panels = json.loads((DEPLOY / "grafana" / "portcullis.json").read_text())["panels"]

    assert [panel["title"] for panel in panels if not all(target["expr"] for target in panel["targets"])] == []


def test_compose_file_starts_what_exists():
    """Commands take their options, files that are mounted are there, and nothing runs with more rights than it needs."""
    folder = DEPLOY / "compose"
    services = yaml.safe_load((folder / "docker-compose.yaml").read_text())["services"]
    name, *arguments = services["portcullis"]["command"]
    mounted = [volume.split(":")[0] for service in services.values() for volume in service.get("volumes", ())]

    assert name == "gateway"
    assert gateway.make_context("gateway", list(arguments)).params["listen"] == "0.0.0.0:8080"
    assert [place for place in mounted if not (folder / place).exists()] == []
    assert services["portcullis"]["read_only"] is True
    assert services["portcullis"]["cap_drop"] == ["ALL"]


def test_image_is_slim_and_unprivileged():
    """Two stages, a numeric user as Kubernetes wants it, a health check that takes its options, no cache in the way."""
    lines = (DEPLOY.parent / "Dockerfile").read_text().splitlines()
    stages = [line for line in lines if line.startswith("FROM ")]
    [check] = [json.loads(line.partition("CMD ")[2]) for line in lines if line.startswith("HEALTHCHECK")]

    assert len(stages) == 2
    assert all("-slim" in stage for stage in stages)
    assert "USER 65532" in lines
    assert check[:2] == ["sidecar", "health"]
    assert health.make_context("health", check[2:])
