"""Real runs of the whole DAG by kfp.local: drawn scenes, a small encoder, few epochs."""

import io
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.cloud import storage
from mlflow import MlflowClient
from rich.console import Console

from components.platform.errors import DataError, SettingError
from components.platform.registry import champion
from pipeline.config import Preset, Settings, make_settings
from pipeline.local import StepFailedError, plan_run, run_pipeline
from pipeline.summary import Summary, show_summary

PROJECT = Path(__file__).parents[2]
_SMALL = {"scenes": 48, "encoder": "MobileNetV2", "units": 32, "epochs": 2, "bleu4_floor": 0.0}


def _settings(**changed: object) -> Settings:
    return make_settings(Preset.SAMPLE, {**_SMALL, **changed})


@pytest.fixture(scope="module", autouse=True)
def store_of_the_work_folder() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        # Set, so that it is put back; empty, so that each run has the store of its work folder.
        patch.setenv("MLFLOW_TRACKING_URI", "")
        yield


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


def _run(root: Path, **changed: object) -> tuple[Summary, str]:
    shown = io.StringIO()
    console = Console(file=shown, width=200)
    summary = run_pipeline(_settings(**changed), root, console=console)
    show_summary(summary, console)
    return summary, shown.getvalue()


@pytest.fixture(scope="module")
def first(root: Path) -> tuple[Summary, str]:
    return _run(root)


def test_run_pipeline_registers_the_first_model_as_champion(first: tuple[Summary, str]) -> None:
    summary, _ = first
    assert summary.passed
    assert "there is no champion yet" in summary.reason
    released = champion("captionflow-sample")
    assert released is not None and released.version == "1"
    assert float(released.tags["bleu4"]) == summary.scores["bleu"]["bleu4"]
    run = MlflowClient().get_run(released.run_id)
    assert run.data.metrics["test_bleu4"] == summary.scores["bleu"]["bleu4"]
    assert run.info.status == "FINISHED"


def test_run_pipeline_shows_lines_scores_places_and_the_next_command(
    first: tuple[Summary, str],
) -> None:
    summary, shown = first
    assert "[ingest] drew 48 scenes" in shown
    assert "[train] epoch 2/2" in shown
    for name, artifact in (("ingest", "manifest"), ("train", "model"), ("evaluate", "scores")):
        assert Path(summary.outputs[name][artifact].path).exists()
        assert f"/{name}/{artifact}\n" in shown.replace(" ", "")
    assert f"{summary.scores['bleu']['bleu4']:.2f}" in shown
    assert "captionflow-sample version 1 registered" in shown
    assert "mlflow ui --backend-store-uri" in shown
    assert "<html" in (summary.root / "report.html").read_text()
    assert "Traceback" not in summary.log_file.read_text()


def test_run_pipeline_again_finds_no_reason_to_train_and_says_so_in_mlflow(
    first: tuple[Summary, str], root: Path
) -> None:
    summary, shown = _run(root)
    assert set(summary.seconds) == {"trigger"}
    assert set(summary.outputs) == {"ingest", "trigger"}
    assert not summary.trained and not summary.passed
    told = "no training: champion v1 has the same data, encoder and settings"
    assert summary.reason.startswith(told)
    assert "captionflow-sample version 1 unchanged" in shown
    client = MlflowClient()
    assert len(client.search_model_versions("name = 'captionflow-sample'")) == 1
    experiment = client.get_experiment_by_name("captionflow")
    assert experiment is not None
    [note] = client.search_runs([experiment.experiment_id], "run_name = 'no training'")
    assert note.data.tags["reason"].startswith(told)


def test_plan_run_says_beforehand_what_a_run_is_going_to_do(
    first: tuple[Summary, str], root: Path
) -> None:
    before = sorted(root.rglob("*"))
    unchanged = {step.name: step for step in plan_run(_settings(), root)}
    assert unchanged["ingest"].reused
    assert unchanged["trigger"].why.startswith("no training: champion v1")
    assert {unchanged[name].why for name in ("features", "train", "register")} == {""}
    changed = {step.name: step for step in plan_run(_settings(epochs=3), root)}
    assert changed["trigger"].why == "training: since champion v1 epochs was 2, is 3"
    assert changed["features"].reused
    assert (changed["train"].reused, changed["train"].why) == (False, "epochs: 2 → 3")
    assert changed["evaluate"].why == "takes new input from train"
    assert changed["register"].why == "if the gate lets the model pass"
    anew = {step.name: step for step in plan_run(_settings(), root, reuse=False)}
    assert anew["trigger"].why.endswith("may end the run here")
    assert anew["train"].why == "if there is a reason to train: the cache is not used"
    assert sorted(root.rglob("*")) == before


def test_run_pipeline_below_the_floor_registers_nothing_and_says_why(
    first: tuple[Summary, str], root: Path
) -> None:
    summary, shown = _run(root, bleu4_floor=99.5, model_name="never")
    assert not summary.passed
    assert "is under the floor 99.50" in summary.reason
    # No champion of this name: a reason to train, but all of it was done before.
    assert set(summary.seconds) == {"trigger", "gate"}
    assert "train" in shown.partition("Unchanged since earlier runs:")[2].splitlines()[0]
    assert champion("never") is None
    assert "never not registered" in shown


def test_run_pipeline_forced_trains_to_the_same_scores_and_a_second_version(
    first: tuple[Summary, str], root: Path
) -> None:
    summary, _ = _run(root, force=True)
    assert set(summary.seconds) == {"trigger", "train", "evaluate", "gate", "register"}
    assert summary.scores == first[0].scores
    released = champion("captionflow-sample")
    assert released is not None and released.version == "2"
    assert released.tags["trained_because"] == (
        "training: forced, though nothing changed since champion v1"
    )


def test_run_pipeline_of_a_failing_step_names_it_and_its_error(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "notes.txt").write_text("nothing to learn from")
    console = Console(file=io.StringIO(), width=200)
    with pytest.raises(StepFailedError, match=r"\ningest: .*photos") as raised:
        run_pipeline(_settings(dataset=str(folder)), tmp_path / "runs", console=console)
    log = Path(str(raised.value).splitlines()[0].partition(": ")[2])
    assert "FAILED ingest:" in log.read_text()
    assert "Traceback" not in log.read_text().split("executor_main()")[0]


def test_run_pipeline_of_a_path_to_nowhere_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^glove: Nothing lies at this path.*nowhere\.txt"):
        run_pipeline(_settings(glove=str(tmp_path / "nowhere.txt")), tmp_path / "runs")
    assert not (tmp_path / "runs" / "artifacts").exists()


def test_run_pipeline_of_a_zip_with_several_gloves_asks_before_any_work(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "glove.zip", "w") as archive:
        archive.writestr("glove.50d.txt", "a 1 2")
        archive.writestr("glove.100d.txt", "a 1 2 3")
    with pytest.raises(
        SettingError,
        match=r"^glove must name one file of the zip: .*#glove\.100d\.txt, .*#glove\.50d\.txt",
    ):
        run_pipeline(_settings(glove=str(tmp_path / "glove.zip")), tmp_path / "runs")
    assert not (tmp_path / "runs" / "artifacts").exists()


def test_command_uploads_what_the_run_made(
    first: tuple[Summary, str], root: Path, bucket: storage.Bucket
) -> None:
    small = [f"--{name.replace('_', '-')}={value}" for name, value in _SMALL.items()]
    command = [sys.executable, "-m", "pipeline.local", "--root", str(root), *small]
    command += ["--upload", "gs://runs/tonight"]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, cwd=PROJECT)
    assert ended.stdout.splitlines()[-1] == "gs://runs/tonight/ingest/manifest"
    names = {blob.name for blob in bucket.list_blobs()}
    assert names >= {f"tonight/ingest/manifest/{n}" for n in ("manifest.parquet", "report.json")}
    assert len([name for name in names if "/photos/" in name]) == _SMALL["scenes"]
