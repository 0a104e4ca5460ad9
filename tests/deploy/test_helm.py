"""The chart renders to manifests that Kubernetes accepts, whatever is switched on, and the sidecar accepts its arguments."""

import json
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
import yaml

from sidecar.cli.serve import serve
from sidecar.rules.perimeter import read_perimeter
from sidecar.rules.policy import read_policy
from tests.deploy.helm_subset import render

CHART = Path(__file__).parents[2] / "deploy" / "helm" / "portcullis"
# The oldest that has native sidecars, and the newest whose schema we have.
VERSIONS = ["1.29", kubernetes_validate.latest_version()]
APPLICATION = {"application": {"name": "shop", "image": "shop:1"}}
PERIMETER = "schema: 1\napplications:\n  - {name: shop, spiffe: ['spiffe://example.org/shop']}\n"
CASES = {
    "defaults": APPLICATION,
    "everything": {
        **APPLICATION,
        "policy": "schema: 1\nname: mine\nfamilies: {injection: {action: rule}}\n",
        "perimeter": PERIMETER,
        "upstream": "http://gateway:4000",
        "otlp": "http://collector:4317",
        "workers": 2,
        "extraArgs": ["--ext-proc", "application=shop"],
        "secretEnvironment": {"SIDECAR_QUOTA_REDIS": {"secret": "redis", "key": "url"}},
        "audit": {"enabled": True, "whenFull": "drop", "volume": {"persistentVolumeClaim": {"claimName": "audit"}}},
        "podAnnotations": {"team": "shop"},
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "llm", "operator": "Exists"}],
        "affinity": {"podAntiAffinity": {}},
    },
    "bare": {
        **APPLICATION,
        "port": 0,
        "perimeterSecret": "theirs",
        "disruptionBudget": {"enabled": False},
        "application": {"name": "shop", "image": "shop:1", "resources": {"limits": {"memory": "1Gi"}}, "env": []},
    },
}


@pytest.fixture(params=CASES)
def values(request):
    return CASES[request.param]


def by_kind(documents):
    return {document["kind"]: document for document in documents}


@pytest.mark.parametrize("version", VERSIONS)
def test_manifests_fit_the_schema(values, version):
    """Strictly: an unknown field is a fault; the plain manifests, too."""
    plain = (CHART.parents[1] / "kubernetes" / "sidecar.yaml").read_text()

    for document in [*render(CHART, values), *yaml.safe_load_all(plain)]:
        kubernetes_validate.validate(document, version, strict=True)


def test_values_fit_their_schema(values):
    """What is not known, such as a misspelt switch, is refused before anything is installed."""
    schema = json.loads((CHART / "values.schema.json").read_text())
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())
    jsonschema.validate(defaults | values, schema)

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(defaults | values | {"polici": ""}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(defaults, schema)  # no application's image


def test_sidecar_is_native_and_locked_down(values):
    """It stays beside the application, is probed, bounded, and may do nothing but its work."""
    pod = by_kind(render(CHART, values))["Deployment"]["spec"]["template"]["spec"]
    [container] = pod["initContainers"]
    context = container["securityContext"]

    assert container["restartPolicy"] == "Always"
    assert {"startupProbe", "readinessProbe", "livenessProbe"} <= set(container)
    assert "memory" in container["resources"]["limits"]
    assert (context["readOnlyRootFilesystem"], context["runAsNonRoot"], context["capabilities"]) == (
        True,
        True,
        {"drop": ["ALL"]},
    )
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["volumes"]}


def test_arguments_are_those_of_the_command(values):
    """Every option exists and takes what it is given."""
    pod = by_kind(render(CHART, values))["Deployment"]["spec"]["template"]["spec"]
    name, *arguments = pod["initContainers"][0]["args"]
    # Files are there in the container only.
    present = ["/dev/null" if argument.endswith("perimeter.yaml") else argument for argument in arguments]

    assert name == "serve"
    assert serve.make_context("serve", present).params["log_format"] == "json"


def test_files_reach_the_container_as_they_are():
    """Policy and perimeter can be read by the sidecar, from the config map and the secret."""
    documents = by_kind(render(CHART, CASES["everything"]))
    policy = documents["ConfigMap"]["data"]["policy.yaml"]
    perimeter = documents["Secret"]["stringData"]["perimeter.yaml"]

    assert read_policy(policy.encode(), "policy.yaml").name == "mine"
    assert read_perimeter(perimeter.encode(), "perimeter.yaml").applications[0].name == "shop"


def test_nothing_else_is_made():
    """By default: a deployment and its disruption budget."""
    assert {"Deployment", "PodDisruptionBudget"} == set(by_kind(render(CHART, CASES["defaults"])))
    assert {"Deployment"} == set(by_kind(render(CHART, CASES["bare"])))
