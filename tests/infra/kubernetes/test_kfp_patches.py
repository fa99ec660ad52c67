"""The patches of KFP's own objects: Argo can parse them, and they have the intended effect."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.settings.train import TrainSettings
from pipeline.cluster.connection import _TIMEOUTS_TO_CREATE
from pipeline.package import compile_package

INFRA = Path(__file__).parents[3] / "infra"
PATCHES = INFRA / "kubernetes/kfp"
README = (INFRA / "README.md").read_text()
PLUGIN = json.loads((PATCHES / "mlflow-plugin.json").read_text())["mlflow"]


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


SHIPPED = {"DBDriverName": "mysql", "plugins": {"mlflow": {"timeout": "60s"}}}
WITHOUT, WITH = re.findall(r"python -c '(.+?)'", README)


def _output_of(program: str, *arguments: str, given: str = "") -> Any:
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_server_config_is_kfps_without_plugins() -> None:
    for given in (SHIPPED, {"DBDriverName": "mysql"}):
        assert _output_of(WITHOUT, given=json.dumps(given)) == {"DBDriverName": "mysql"}


def test_server_config_with_plugin_is_kfps_with_our_mlflow(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"DBDriverName": "mysql"}')
    made = _output_of(WITH, str(tmp_path / "config.json"), str(PATCHES / "mlflow-plugin.json"))
    assert made.pop("plugins") == {"mlflow": PLUGIN}
    assert made == {"DBDriverName": "mysql"}


def test_plugin_writes_to_the_mlflow_and_the_experiment_of_the_steps(render: Any) -> None:
    settings = PLUGIN["settings"]
    configuration = render("local").named("ConfigMap", "captionflow")["data"]
    assert PLUGIN["endpoint"] == configuration["MLFLOW_TRACKING_URI"]
    assert settings["kfpBaseURL"] == configuration["KFP_UI_URL"]
    # MLflow shows only runs of one experiment as a tree.
    experiment = TrainSettings.model_fields["experiment"].default
    assert settings["defaultExperimentName"] == experiment
    # Only these keys exist: MLflowPluginSettings in backend/src/common/plugins/mlflow/config.go.
    assert settings.keys() == {
        "authType", "credentialSecretRef", "workspacesEnabled", "defaultExperimentName",
        "kfpBaseURL", "mlflowBaseURL",
    }  # fmt: skip


def test_plugin_reads_the_secret_that_the_page_creates() -> None:
    # CredentialSecretName in the same file: the Secret's name is fixed.
    (command,) = re.findall(
        r"create secret generic kfp-mlflow-credentials [^\n]*\\\n(.+)$", README, re.MULTILINE
    )
    keys = set(re.findall(r"--from-\w+=(\w+)=", command))
    assert keys == set(PLUGIN["settings"]["credentialSecretRef"].values())
    assert "--from-literal=password" not in command


def test_plugin_does_not_inject_variables_that_the_steps_have(render: Any, tmp_path: Path) -> None:
    # RetrieveUserContainerEnvVars in backend/src/v2/common/plugins/mlflow/handler.go would add
    # MLFLOW_TRACKING_URI with a value; merged with ours, from the ConfigMap, the pod is invalid.
    assert "injectUserEnvVars" not in PLUGIN["settings"]
    compile_package(tmp_path / "captionflow.yaml")
    text = (tmp_path / "captionflow.yaml").read_text()
    assert "envVar: MLFLOW_TRACKING_URI" in text


def test_client_waits_longer_than_the_server() -> None:
    # Before the server creates a run, its plugin waits for MLflow: version 2.17.0 for `timeout` in
    # all, later versions (mlflowOperationBudget) for 3 requests of 3 attempts each.
    for timeout in (SHIPPED["plugins"]["mlflow"]["timeout"], PLUGIN["timeout"]):
        assert int(timeout.removesuffix("s")) * 3 * 3 < _TIMEOUTS_TO_CREATE[1]
