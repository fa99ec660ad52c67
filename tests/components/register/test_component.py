"""The step as KFP calls it."""

import json
from pathlib import Path

import pytest
from kfp import dsl
from mlflow import MlflowClient

from components.artifacts.checksums import METADATA_KEY, artifact_damage, write_checksums
from components.artifacts.fingerprint import fingerprint_file
from components.artifacts.report import place
from components.register import component
from components.settings.release import RegisterSettings


@pytest.mark.usefixtures("store")
def test_register_component_returns_version_and_uri_and_completes_the_report(
    first: dict[str, Path], tmp_path: Path
) -> None:
    for artifact in first.values():
        write_checksums(artifact)
    report = tmp_path / "report"
    report.write_text(f"<h1>captioner {place('version')}</h1><p>{place('release')}</p>")
    released = dsl.HTML(uri=str(tmp_path / "released"))
    made = component.register.python_func(
        model=dsl.Model(uri=str(first["model"])),
        scores=dsl.Artifact(uri=str(first["scores"])),
        manifest=dsl.Dataset(uri=str(first["manifest"])),
        report=dsl.HTML(uri=str(report), metadata={METADATA_KEY: fingerprint_file(report)}),
        released_report=released,
        training_config='{"data": "d"}',
        cause="Training: there is no champion yet",
        reason="Passed: first model",
        compared_with="",
        **RegisterSettings(model_name="captioner").model_dump(),
    )
    assert (made.version, made.model_uri) == ("1", "models:/captioner/1")
    page = Path(released.path).read_text()
    assert "version 1" in page and "Version 1 became the champion" in page
    assert artifact_damage(released) == ""
    run_id = json.loads((first["model"] / "training.json").read_text())["mlflow_run_id"]
    logged = MlflowClient().download_artifacts(run_id, "report.html", str(tmp_path))
    assert Path(logged).read_text() == page
