"""Every artifact of a real run, damaged in every way, and a run after that."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kfp.dsl import Artifact, Metrics
from kfp.local.cache import LocalCache
from small_runs import RunWhole

from components.artifacts.checksums import CHECKSUMS_FILE, artifact_damage
from components.artifacts.fingerprint import fingerprint_file
from components.registry.client import local_tracking_uri
from pipeline.config import make_settings
from pipeline.local.damage import cached_outputs, result_damage
from pipeline.local.summary import Summary

ARTIFACTS = (
    "ingest/manifest", "normalize/captions", "features/examples", "embeddings/matrix",
    "train/model", "evaluate/scored_model", "evaluate/scores", "evaluate/report",
    "rescore/baseline", "gate/final_report", "register/released_report",
)  # fmt: skip


@pytest.fixture(scope="module")
def summary(small_run: tuple[Summary, str]) -> Iterator[Summary]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", local_tracking_uri(small_run[0].root))
        yield small_run[0]


@pytest.fixture(params=ARTIFACTS)
def copied(request: pytest.FixtureRequest, summary: Summary, tmp_path: Path) -> Artifact:
    """An artifact of the run, to be damaged."""
    step, name = request.param.split("/")
    artifact = summary.outputs[step][name]
    copy = tmp_path / name
    copy_content = shutil.copytree if Path(artifact.path).is_dir() else shutil.copyfile
    copy_content(artifact.path, copy)
    return Artifact(name=name, uri=str(copy), metadata=artifact.metadata)


def _files(artifact: Artifact) -> list[Path]:
    path = Path(artifact.path)
    if path.is_file():
        return [path]
    files = sorted(file for file in path.rglob("*") if file.is_file())
    # Of the many photos, two are enough.
    photos = [file for file in files if file.suffix == ".jpg"]
    return [file for file in files if file not in photos[2:]]


def test_artifacts_are_all_that_a_run_writes(summary: Summary) -> None:
    written = {
        f"{step}/{name}"
        for step, outputs in summary.outputs.items()
        for name, output in outputs.items()
        if isinstance(output, Artifact) and not isinstance(output, Metrics)
    }
    assert written == set(ARTIFACTS)


def test_artifact_damage_notices_a_flipped_byte_in_any_file(copied: Artifact) -> None:
    assert artifact_damage(copied) == ""
    for file in _files(copied):
        content = file.read_bytes()
        for place in {0, len(content) // 2, len(content) - 1} if content else ():
            flipped = bytearray(content)
            flipped[place] ^= 0x20
            file.write_bytes(flipped)
            damage = artifact_damage(copied)
            assert str(Path(copied.path)) in damage, (file, place)
            if file.name != CHECKSUMS_FILE:
                assert str(file) in damage and fingerprint_file(file) in damage
        file.write_bytes(content)
    assert artifact_damage(copied) == ""


def test_artifact_damage_notices_truncated_and_missing_files(copied: Artifact) -> None:
    for file in _files(copied):
        content = file.read_bytes()
        if content:
            os.truncate(file, len(content) - 1)
            assert artifact_damage(copied), file
        file.unlink()
        assert str(file) in artifact_damage(copied)
        file.write_bytes(content)


def test_artifact_damage_notices_an_extra_file(copied: Artifact) -> None:
    if Path(copied.path).is_dir():
        extra = Path(copied.path, "train-00001-of-00002.tfrecord")
        extra.touch()
        assert str(extra) in artifact_damage(copied)


def test_result_damage_ignores_the_file_of_metrics(tmp_path: Path) -> None:
    (tmp_path / "metrics").write_text("{}")
    metrics = Metrics(uri=str(tmp_path / "metrics"))
    assert result_damage({"metrics": metrics, "Output": True}) == ""
    assert "metadata" in result_damage({"report": Artifact(uri=str(tmp_path / "metrics"))})


@pytest.mark.parametrize(
    "damage",
    [
        lambda old: old.replace(b"__kfp_artifact__", b"__kfp_artifacu__"),
        lambda old: old.replace(b'"manifest"', b'"manifess"'),
        lambda old: old.replace(b"system", b"\xffystem"),
        lambda old: b"[]",
        lambda old: b'{"manifest": null}',
        lambda old: old[:-3],
    ],
)
def test_cached_outputs_of_a_damaged_entry_are_none(
    tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    store = LocalCache(str(tmp_path / "cache"))
    store.put("key", {"manifest": Artifact(name="manifest", uri=str(tmp_path))})
    assert cached_outputs(store, "key", ["manifest"])["manifest"].path == str(tmp_path)
    entry = tmp_path / "cache" / "key.json"
    entry.write_bytes(damage(entry.read_bytes()))
    assert cached_outputs(store, "key", ["manifest"]) is None


def test_run_pipeline_makes_damaged_results_anew_and_says_so(
    run_whole: RunWhole, summary: Summary, small_settings: dict[str, Any]
) -> None:
    matrix = Path(summary.outputs["embeddings"]["matrix"].path, "matrix.npy")
    report = Path(summary.outputs["evaluate"]["report"].path)
    intact = {file: file.read_bytes() for file in (matrix, report)}
    for file, content in intact.items():
        file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    # No champion of this name: a reason to train; and no model reaches such a floor.
    settings = make_settings(
        "sample", {**small_settings, "floors": "bleu4=99.5", "model_name": "damaged"}
    )
    again, shown = run_whole(settings, summary.root)
    assert set(again.seconds) == {"trigger", "embeddings", "evaluate", "rescore", "gate"}
    for step, file in (("embeddings", matrix), ("evaluate", report)):
        for output in (shown, again.log_file.read_text()):
            (line,) = (line for line in output.splitlines() if str(file) in line)
            assert line.startswith(step)
            assert fingerprint_file(file) in line
    made = Path(again.outputs["embeddings"]["matrix"].path, "matrix.npy")
    assert made != matrix and made.read_bytes() == intact[matrix]
    assert artifact_damage(again.outputs["evaluate"]["report"]) == ""
    assert again.scores["bleu"] == summary.scores["bleu"]
