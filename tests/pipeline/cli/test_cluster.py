"""The commands as they are typed, each in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.cluster.runs import PIPELINE

PROJECT = Path(__file__).parents[3]

pytestmark = pytest.mark.usefixtures("no_cluster")


def _kfp_submit(server: Any, package: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    kfp = [str(Path(sys.executable).with_name("kfp")), "--endpoint", server.url]
    command = [*kfp, "run", "submit", "-e", "captionflow", "-r", "first", "-f", str(package)]
    return subprocess.run(
        [*command, *arguments], capture_output=True, text=True, check=False, cwd=PROJECT
    )


def test_kfp_run_submit_sends_the_package_with_typed_values(kfp_server: Any, package: Path) -> None:
    ended = _kfp_submit(
        kfp_server, package,
        "epochs=3", "dataset=gs://b/x.zip", "learning_rate=1e-3", "dropout=0", "force=true",
        "beam_flags=", "gpus=0", "train_image=captionflow-python:0.1.0", "train_nodes={}",
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    (run,) = kfp_server.runs.values()
    (experiment,) = kfp_server.experiments.values()
    assert experiment["display_name"] == "captionflow"
    assert (run["display_name"], run["experiment_id"]) == ("first", experiment["experiment_id"])
    pipeline, platform = yaml.safe_load_all(package.read_text())
    assert run["pipeline_spec"] == {"pipeline_spec": pipeline, "platform_spec": platform}
    assert run["runtime_config"]["parameters"] == {
        "epochs": 3, "dataset": "gs://b/x.zip", "learning_rate": 0.001, "dropout": 0,
        "force": True, "beam_flags": "", "gpus": 0, "train_image": "captionflow-python:0.1.0",
        "train_nodes": {},
    }  # fmt: skip
    assert run["run_id"] in ended.stdout


def test_kfp_run_submit_of_a_wrong_type_is_refused(kfp_server: Any, package: Path) -> None:
    ended = _kfp_submit(kfp_server, package, "gpus=none")
    assert ended.returncode != 0
    assert "input parameter gpus requires type double or integer" in ended.stderr
    assert kfp_server.runs == {}


def test_command_help_names_every_command() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "pipeline.kubeflow", "--help"],
        capture_output=True, text=True, check=True, cwd=PROJECT,
    )  # fmt: skip
    for command in ("compile", "submit", "schedule ", "schedules", "unschedule"):
        assert f" {command}" in ended.stdout


def test_commands_load_no_tensorflow(kfp_server: Any, tmp_path: Path) -> None:
    program = f"""
import json, sys
from typer.testing import CliRunner
from pipeline.kubeflow import app

codes = [
    CliRunner().invoke(app, command).exit_code
    for command in (
        ["compile", "-o", {str(tmp_path / "p.yaml")!r}],
        ["submit", "--wait", "--pause", "0.05"],
        ["schedule", "--cron", "0 3 * * 0"],
        ["schedules"],
        ["unschedule"],
    )
]
heavy = {{"tensorflow", "keras", "apache_beam", "mlflow", "pyarrow"}} & set(sys.modules)
print(json.dumps([codes, sorted(heavy)]))
"""
    kfp_server.course = [{"state": "SUCCEEDED"}]
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=PROJECT,
        env={**os.environ, "KF_PIPELINES_ENDPOINT": kfp_server.url},
    )  # fmt: skip
    assert json.loads(ended.stdout) == [[0, 0, 0, 0, 0], []]


def test_pipeline_is_called_as_in_the_package(package: Path) -> None:
    pipeline = next(yaml.safe_load_all(package.read_text()))
    assert pipeline["pipelineInfo"]["name"] == PIPELINE
