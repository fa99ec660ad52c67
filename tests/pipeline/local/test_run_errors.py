"""Runs that end before or in their first step."""

import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
from small_runs import RunWhole

from components.errors import DataError, SettingError
from pipeline.config import Settings, make_settings
from pipeline.local.kfp_run import StepFailedError


@pytest.fixture(autouse=True)
def store_of_the_work_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")


def _settings(**changed: Any) -> Settings:
    return make_settings("sample", {"encoder": "MobileNetV3Small", **changed})


def test_run_pipeline_of_a_failing_step_names_it_and_its_error(
    run_whole: RunWhole, tmp_path: Path, mlflow_database: Path
) -> None:
    folder = tmp_path / "photos"
    for each in (folder, tmp_path / "runs"):
        each.mkdir()
    shutil.copy(mlflow_database, tmp_path / "runs")
    (folder / "notes.txt").write_text("nothing to learn from")
    with pytest.raises(StepFailedError, match=r"\ningest: .*photos") as raised:
        run_whole(_settings(dataset=str(folder)), tmp_path / "runs")
    log = Path(str(raised.value).splitlines()[0].partition(": ")[2])
    assert "FAILED ingest:" in log.read_text()
    assert "Traceback" not in log.read_text().split("executor_main()")[0]


def test_run_pipeline_of_a_path_to_nowhere_names_the_setting(
    run_whole: RunWhole, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=r"^glove: There is nothing at this path.*nowhere\.txt"):
        run_whole(_settings(glove=str(tmp_path / "nowhere.txt")), tmp_path / "runs")
    assert not (tmp_path / "runs" / "artifacts").exists()


def test_run_pipeline_of_a_zip_with_several_gloves_asks_before_any_work(
    run_whole: RunWhole, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "glove.zip", "w") as archive:
        archive.writestr("glove.50d.txt", "a 1 2")
        archive.writestr("glove.100d.txt", "a 1 2 3")
    with pytest.raises(
        SettingError,
        match=r"^glove must name one file of the zip: .*#glove\.100d\.txt, .*#glove\.50d\.txt",
    ):
        run_whole(_settings(glove=str(tmp_path / "glove.zip")), tmp_path / "runs")
    assert not (tmp_path / "runs" / "artifacts").exists()
