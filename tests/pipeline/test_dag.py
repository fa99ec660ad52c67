import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.config import Settings

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
    return yaml.safe_load((folder / "captionflow.yaml").read_text())


def test_dag_compiles_to_a_package_with_all_steps(package: dict[str, Any]) -> None:
    tasks = package["root"]["dag"]["tasks"]
    assert set(tasks) == {
        "ingest", "normalize", "features", "embeddings", "train", "evaluate", "gate", "condition-1"
    }  # fmt: skip
    assert set(package["components"]["comp-condition-1"]["dag"]["tasks"]) == {"register"}


def test_dag_has_the_settings_as_parameters(package: dict[str, Any]) -> None:
    parameters = package["root"]["inputDefinitions"]["parameters"]
    assert parameters.keys() == Settings.model_fields.keys()
    for name, field in Settings.model_fields.items():
        assert parameters[name]["defaultValue"] == field.default, name
        assert parameters[name]["description"] == field.description, name
    assert parameters["epochs"]["parameterType"] == "NUMBER_INTEGER"
    assert parameters["dropout"]["parameterType"] == "NUMBER_DOUBLE"
    assert parameters["train_embeddings"]["parameterType"] == "BOOLEAN"


def test_dag_hands_every_setting_to_a_step(package: dict[str, Any]) -> None:
    used = {
        source["componentInputParameter"].removeprefix("pipelinechannel--")
        for dag in (package["root"]["dag"], package["components"]["comp-condition-1"]["dag"])
        for task in dag["tasks"].values()
        for source in task.get("inputs", {}).get("parameters", {}).values()
        if "componentInputParameter" in source
    }
    assert used >= Settings.model_fields.keys()


def test_dag_never_takes_gate_and_register_from_the_cache(package: dict[str, Any]) -> None:
    tasks = package["root"]["dag"]["tasks"]
    released = package["components"]["comp-condition-1"]["dag"]["tasks"]
    assert "enableCache" not in tasks["gate"].get("cachingOptions", {})
    assert "enableCache" not in released["register"].get("cachingOptions", {})
    assert tasks["train"]["cachingOptions"]["enableCache"]
