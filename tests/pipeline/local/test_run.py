"""Real runs of the whole DAG by kfp.local: the small one that others look at too, and next ones."""

import re
import shlex
from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path
from typing import Any

import pytest
from google.cloud import storage
from mlflow import MlflowClient
from small_runs import RunWhole
from typer.testing import CliRunner

from components.artifacts.examples import read_examples
from components.artifacts.files import read_json
from components.describing.model import open_model
from components.drift.kept_features import FeatureKeeper
from components.errors import DataError
from components.registry.approval import approve
from components.registry.candidacy import find_candidate
from components.registry.client import local_tracking_uri
from components.registry.models import find_champion
from pipeline.cli.captioning.last_model import naming_last_model
from pipeline.config import Settings, make_settings
from pipeline.local.__main__ import app
from pipeline.local.commands import plan_run
from pipeline.local.summary import Summary


@pytest.fixture(scope="module")
def settings(small_settings: dict[str, Any]) -> Callable[..., Settings]:
    def changed(**changes: object) -> Settings:
        return make_settings("sample", {**small_settings, **changes})

    return changed


@pytest.fixture(scope="module", autouse=True)
def first(small_run: tuple[Summary, str]) -> Iterator[tuple[Summary, str]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", local_tracking_uri(small_run[0].root))
        yield small_run


@pytest.fixture(scope="module")
def root(first: tuple[Summary, str]) -> Path:
    return first[0].root


def test_run_pipeline_registers_the_first_model_as_champion(first: tuple[Summary, str]) -> None:
    summary, _ = first
    assert summary.passed
    assert "there is no champion yet" in summary.reason
    released = find_champion("captionflow-sample")
    assert released is not None and released.version == "1"
    assert float(released.tags["bleu4"]) == summary.scores["bleu"]["bleu4"]
    run = MlflowClient().get_run(released.run_id)
    assert run.data.metrics["test_bleu4"] == summary.scores["bleu"]["bleu4"]
    assert run.info.status == "FINISHED"


def test_run_pipeline_shows_progress_scores_paths_and_the_next_command(
    first: tuple[Summary, str],
) -> None:
    summary, shown = first
    assert "[ingest] Drew 48 scenes" in shown
    assert "[train] epoch 2/2" in shown
    for step, seconds in summary.seconds.items():
        assert re.search(rf"\n{step} +{seconds:.1f} s", shown), step
    assert {"ingest", "train", "register"} < set(summary.seconds)
    for name, artifact in (("ingest", "manifest"), ("train", "model"), ("evaluate", "scores")):
        assert Path(summary.outputs[name][artifact].path).exists()
        assert f"{name}/{artifact}\n" in shown.replace(" ", "")
    assert f"{summary.scores['bleu']['bleu4']:.2f}" in shown
    assert f"{summary.scores['cider_d']['beam']:.2f}" in shown
    assert f"{summary.scores['distinct_captions']} distinct captions" in shown
    assert "captionflow-sample version 1 registered" in shown
    assert "mlflow ui --backend-store-uri" in shown
    assert re.search(r"open http://127\.0\.0\.1:5000/#/experiments/\d+/runs\?workflowType", shown)
    (command,) = re.findall(r"\nCaption (.*)", shown)
    program, verb, photo, *model = shlex.split(command)
    assert (Path(program).name, verb) == ("captionflow", "caption")
    assert Path(photo).is_file()
    assert model == ["--model-name", "captionflow-sample", "--root", str(summary.root)]
    assert "<html" in (summary.root / "report.html").read_text()
    assert "Traceback" not in summary.log_file.read_text()


def test_run_pipeline_again_finds_no_reason_to_train_and_records_it_in_mlflow(
    run_whole: RunWhole, settings: Callable[..., Settings], root: Path
) -> None:
    summary, shown = run_whole(settings(), root)
    assert re.search(r"\ningest +cached +\(\d+\.\d s\) +ingest/manifest", shown)
    assert set(summary.seconds) == {"trigger"}
    assert set(summary.outputs) == {"ingest", "trigger"}
    assert not summary.trained and not summary.passed
    message = "No training: champion v1 has the same data, code and settings"
    assert summary.reason.startswith(message)
    assert "captionflow-sample version 1 unchanged" in shown
    client = MlflowClient()
    assert len(client.search_model_versions("name = 'captionflow-sample'")) == 1
    experiment = client.get_experiment_by_name("captionflow")
    assert experiment is not None
    [note] = client.search_runs([experiment.experiment_id], "run_name = 'no training'")
    assert note.data.tags["reason"].startswith(message)


def test_plan_run_predicts_a_run(settings: Callable[..., Settings], root: Path) -> None:
    before = sorted(root.rglob("*"))
    unchanged = {step.name: step for step in plan_run(settings(), root)}
    assert unchanged["ingest"].reused
    assert unchanged["trigger"].why.startswith("No training: champion v1")
    assert {unchanged[name].why for name in ("features", "train", "register")} == {""}
    changed = {step.name: step for step in plan_run(settings(epochs=3), root)}
    assert changed["trigger"].why == "Training: epochs changed from 2 (champion v1) to 3"
    assert changed["features"].reused
    assert (changed["train"].reused, changed["train"].why) == (False, "epochs changed from 2 to 3.")
    assert changed["evaluate"].why == "Its input from train will be new."
    assert "gate" in changed["register"].why
    anew = {step.name: step for step in plan_run(settings(), root, reuse=False)}
    assert anew["trigger"].why.endswith("may end the run.")
    assert anew["train"].why.startswith("Only if there is a reason to train. ")
    assert sorted(root.rglob("*")) == before


def test_run_pipeline_below_the_floor_registers_nothing_and_gives_the_reason(
    run_whole: RunWhole, settings: Callable[..., Settings], root: Path
) -> None:
    summary, shown = run_whole(settings(floors="bleu4=99.5", model_name="never"), root)
    assert not summary.passed
    assert "at least 99.50 is required" in summary.reason
    # No champion of this name: a reason to train, but all of it was done before.
    assert set(summary.seconds) == {"trigger", "rescore", "gate"}
    assert "train" in shown.partition("Unchanged since earlier runs:")[2].splitlines()[0]
    assert find_champion("never") is None
    assert "never not registered" in shown
    # What may help, and how to use the model all the same.
    assert re.search(r"\nNext +1\. .*--epochs 4", shown)
    assert f"(--scenes) for test: with {summary.scores['images']}" in shown
    bundle = summary.outputs["evaluate"]["scored_model"].path
    assert re.search(
        rf"\nCaption .*captionflow caption \S.*\.jpg.* --bundle .*{bundle[-30:]}", shown
    )
    with (
        pytest.raises(DataError, match=r"BLEU-4 \d+\.\d\d\) anyway: --bundle .*scored_model"),
        naming_last_model(root),
        open_model("never", version=None, bundle=None),
    ):
        pass


def test_run_pipeline_for_approval_makes_a_candidate_for_which_the_next_run_waits(
    run_whole: RunWhole, settings: Callable[..., Settings], root: Path
) -> None:
    waiting = settings(release="approve", model_name="waiting")
    # No champion of this name: a reason to train, but all of it was done before.
    summary, shown = run_whole(waiting, root)
    assert set(summary.seconds) == {"trigger", "rescore", "gate", "register"}
    assert summary.passed and find_champion("waiting") is None
    assert "waiting version 1 registered, not champion yet" in shown
    assert "To do   version 1 waits for approval" in shown
    assert "captionflow models approve 1 --why" in shown
    candidate = find_candidate("waiting")
    assert candidate is not None and candidate.version == "1"
    summary, shown = run_whole(waiting, root)
    assert set(summary.seconds) == {"trigger"}
    assert "version 1 waits for approval" in summary.reason
    planned = {step.name: step for step in plan_run(waiting, root)}
    assert planned["trigger"].why == summary.reason
    approve("waiting", "1", reason="good")
    planned = {step.name: step for step in plan_run(waiting, root)}
    assert planned["trigger"].why.startswith("No training: champion v1 has the same data")


def test_run_pipeline_with_requests_says_whether_they_have_drifted(
    run_whole: RunWhole,
    first: tuple[Summary, str],
    settings: Callable[..., Settings],
    root: Path,
    tmp_path: Path,
) -> None:
    files = first[0].files
    encoder = read_json(files["evaluate"]["scored_model"] / "encoder.json")
    photos = read_examples(files["features"]["examples"], "train").features[::2]
    for name, features in (("like", photos), ("unlike", -photos)):
        with FeatureKeeper(str(tmp_path / name), encoder) as keeper:
            keeper.add(features)
    like, shown = run_whole(settings(requests=str(tmp_path / "like"), min_requests=10), root)
    assert "drifted" not in like.reason
    assert "requests have not drifted from the training photos of champion v1 (p = " in shown
    unlike, shown = run_whole(settings(requests=str(tmp_path / "unlike"), min_requests=10), root)
    assert not unlike.trained
    assert "Requests have drifted" in unlike.reason and f"n = {len(photos)})" in unlike.reason
    assert "Drift   requests have drifted" in shown


def test_run_pipeline_forced_trains_to_the_same_scores_which_are_no_progress(
    run_whole: RunWhole,
    first: tuple[Summary, str],
    settings: Callable[..., Settings],
    root: Path,
    tmp_path: Path,
) -> None:
    summary, _ = run_whole(settings(force=True, requests=str(tmp_path / "none")), root)
    # The report of this run has the outcome of its drift test; that of evaluate could be reused.
    assert escape(summary.outputs["trigger"]["drift"]) in (root / "report.html").read_text()
    assert "no drift test" in summary.outputs["trigger"]["drift"]
    assert "no drift test" not in summary.files["evaluate"]["report"].read_text()
    assert set(summary.seconds) == {"trigger", "train", "evaluate", "rescore", "gate"}
    trained_anew = {"mlflow_run_id", "model_fingerprint"}
    assert {name for name, score in summary.scores.items() if score != first[0].scores[name]} == (
        trained_anew
    )
    # The champion, described anew, scores what it scored; and no model is better than itself.
    bleu4, cider_d = summary.scores["bleu"]["bleu4"], summary.scores["cider_d"]["beam"]
    both = f"{bleu4 + cider_d:.2f} ({bleu4:.2f} + {cider_d:.2f})"
    assert not summary.passed
    assert summary.reason.endswith(
        f"BLEU-4 + CIDEr-D {both} is not significantly better than champion v1's {both} on the "
        "same photos (p = 1.000)"
    )
    released = find_champion("captionflow-sample")
    assert released is not None and released.version == "1"


def test_command_uploads_what_the_run_made(
    small_settings: dict[str, Any], root: Path, bucket: storage.Bucket
) -> None:
    small = [f"--{name.replace('_', '-')}={value}" for name, value in small_settings.items()]
    command = ["--root", str(root), *small, "--upload", "gs://runs/tonight"]
    ended = CliRunner().invoke(app, command, catch_exceptions=False)
    assert ended.exit_code == 0, ended.stderr
    assert ended.stdout.splitlines()[-1] == "gs://runs/tonight/ingest/manifest"
    names = {blob.name for blob in bucket.list_blobs()}
    assert names >= {f"tonight/ingest/manifest/{n}" for n in ("manifest.parquet", "report.json")}
    assert len([name for name in names if "/photos/" in name]) == small_settings["scenes"]
