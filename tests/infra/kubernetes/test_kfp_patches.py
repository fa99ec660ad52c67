"""The patches of KFP's own objects: Argo can parse them, and they have the intended effect."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

INFRA = Path(__file__).parents[3] / "infra"
PATCHES = INFRA / "kubernetes/kfp"
README = (INFRA / "README.md").read_text()


def _as_argo_reads(data: dict[str, str]) -> dict[str, Any]:
    # parseConfigMap in config/controller.go of argoproj/argo-workflows 4: a value of one line is
    # appended to its name unchanged, so a value that looks like a mapping is invalid YAML.
    lines = []
    for name, value in data.items():
        if "\n" in value:
            lines += [f"{name}:", *(f"  {line}" for line in value.strip("\n").split("\n"))]
        else:
            lines.append(f"{name}: {value}")
    return dict(yaml.safe_load("\n".join(lines)))


@pytest.fixture(scope="module")
def defaults() -> dict[str, Any]:
    patch = yaml.safe_load((PATCHES / "argo-retries.yaml").read_text())
    return dict(_as_argo_reads(patch["data"])["workflowDefaults"]["spec"])


def test_argo_cannot_read_defaults_of_one_line() -> None:
    one_line = "spec: {templateDefaults: {retryStrategy: {limit: 0, retryPolicy: Always}}}"
    with pytest.raises(yaml.YAMLError, match="mapping values are not allowed"):
        _as_argo_reads({"workflowDefaults": one_line})


def test_retries_keep_what_kfp_ships(defaults: dict[str, Any]) -> None:
    # A merge patch replaces the whole key.
    assert defaults["ttlStrategy"] == dict.fromkeys(
        ("secondsAfterCompletion", "secondsAfterSuccess", "secondsAfterFailure"), 3600
    )
    assert defaults["templateDefaults"]["retryStrategy"]["limit"] == "2"


@pytest.mark.parametrize(
    ("message", "retried"),
    [
        # Messages of the kubelet, in pkg/kubelet/nodeshutdown and pkg/kubelet/eviction.
        ("Pod was terminated in response to imminent node shutdown.", True),
        ("The node was low on resource: memory. Threshold quantity: 100Mi, available: 3Mi.", True),
        ("main: Error (exit code 1)", False),
        ("main: OOMKilled (exit code 137)", False),
        ("child 'captionflow-x7d2k-123' failed", False),
    ],
)
def test_retries_are_for_lost_pods(defaults: dict[str, Any], message: str, retried: bool) -> None:
    strategy = defaults["templateDefaults"]["retryStrategy"]
    assert strategy["retryPolicy"] == "Always"
    rule = r"lastRetry\.status == 'Error' or lastRetry\.message matches '(.+)'"
    parts = re.fullmatch(rule, strategy["expression"])
    assert parts
    assert bool(re.search(parts[1], message)) == retried


def test_server_config_is_mounted_where_kfp_reads_it() -> None:
    patch = yaml.safe_load((PATCHES / "server-config.yaml").read_text())
    pod = patch["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    # In kubeflow/pipelines 2.17: ml-pipeline-apiserver-deployment.yaml in
    # manifests/kustomize/base/pipeline, and `--config=/config` in backend/Dockerfile.
    assert container["name"] == "ml-pipeline-api-server"
    (mount,) = container["volumeMounts"]
    (volume,) = pod["volumes"]
    assert (mount["mountPath"], mount["name"]) == ("/config/config.json", volume["name"])
    made = f"create configmap {volume['configMap']['name']} --namespace kubeflow"
    assert made in README
    assert f"--from-file={mount['subPath']}=" in README


def test_server_config_is_kfps_without_plugins() -> None:
    (program,) = re.findall(r"python -c '(.+?)'", README)
    shipped = {"DBDriverName": "mysql", "plugins": {"mlflow": {"timeout": "60s"}}}
    for given in (shipped, {"DBDriverName": "mysql"}):
        done = subprocess.run(
            [sys.executable, "-c", program],
            input=json.dumps(given), capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert json.loads(done.stdout) == {"DBDriverName": "mysql"}
