import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from pipeline.config import Settings
from pipeline.kubernetes_settings import KubernetesSettings
from pipeline.package import compile_package

_COMPILE = (Path(sys.executable).with_name("kfp"), "dsl", "compile", "--py")
DAG = Path(__file__).parents[2] / "pipeline" / "dag.py"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    # As a user does it, from a folder that is not the project's.
    folder = tmp_path_factory.mktemp("package")
    subprocess.run(
        [*_COMPILE, DAG, "--output", folder / "captionflow.yaml"],
        check=True,
        cwd=folder,
    )
    # The second document is for Kubernetes alone: see test_placement.py.
    return next(yaml.safe_load_all((folder / "captionflow.yaml").read_text()))


def _dags(package: dict[str, Any]) -> list[dict[str, Any]]:
    inner = [package["components"][f"comp-condition-{number}"] for number in (1, 2)]
    return [component["dag"] for component in (package["root"], *inner)]


def test_dag_compiles_to_a_package_with_all_steps(package: dict[str, Any]) -> None:
    assert [set(dag["tasks"]) for dag in _dags(package)] == [
        {"ingest", "trigger", "condition-1"},
        {
            "normalize",
            "features",
            "embeddings",
            "train",
            "evaluate",
            "rescore",
            "gate",
            "condition-2",
        },
        {"register"},
    ]


def test_dag_is_the_same_package_by_either_command(package: dict[str, Any], tmp_path: Path) -> None:
    compile_package(tmp_path / "captionflow.yaml")
    assert next(yaml.safe_load_all((tmp_path / "captionflow.yaml").read_text())) == package


@pytest.mark.parametrize("model", [Settings, KubernetesSettings])
def test_dag_has_the_settings_as_parameters(
    package: dict[str, Any], model: type[BaseModel]
) -> None:
    parameters = package["root"]["inputDefinitions"]["parameters"]
    for name, field in model.model_fields.items():
        assert parameters[name]["defaultValue"] == field.default, name
        assert parameters[name]["description"] == field.description, name


def test_dag_has_parameters_of_the_settings_types_and_no_others(package: dict[str, Any]) -> None:
    parameters = package["root"]["inputDefinitions"]["parameters"]
    assert (
        parameters.keys() == Settings.model_fields.keys() | KubernetesSettings.model_fields.keys()
    )
    assert parameters["epochs"]["parameterType"] == "NUMBER_INTEGER"
    assert parameters["dropout"]["parameterType"] == "NUMBER_DOUBLE"
    assert parameters["train_embeddings"]["parameterType"] == "BOOLEAN"
    assert parameters["train_nodes"]["parameterType"] == "STRUCT"


def test_dag_hands_every_setting_to_a_step(package: dict[str, Any]) -> None:
    used = {
        source["componentInputParameter"].removeprefix("pipelinechannel--")
        for dag in _dags(package)
        for task in dag["tasks"].values()
        if not task["componentRef"]["name"].startswith("comp-condition")
        for source in task.get("inputs", {}).get("parameters", {}).values()
        if "componentInputParameter" in source
    }
    assert used >= Settings.model_fields.keys()


def test_dag_guards_training_by_the_trigger_and_release_by_the_gate(
    package: dict[str, Any],
) -> None:
    outer, inner, _ = _dags(package)
    for dag, condition, step in (
        (outer, "condition-1", "trigger"),
        (inner, "condition-2", "gate"),
    ):
        assert dag["tasks"][condition]["triggerPolicy"]["condition"] == (
            f"inputs.parameter_values['pipelinechannel--{step}-Output'] == true"
        )
