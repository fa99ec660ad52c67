import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from components.artifacts.captions import CaptionedPhoto, write_captions
from components.artifacts.checksums import checksums_fingerprint, write_checksums
from components.artifacts.manifest import Photo, write_manifest
from components.captioning.model.vocabulary import SPECIAL_TOKENS, Vocabulary
from components.errors import DataError
from pipeline.local.runs import find_data, find_scores

FIRST, SECOND, THIRD = (f"captionflow-2026-11-2{day}-09-00-00-000001" for day in (1, 2, 3))
SPLITS = {"1.jpg": "train", "2.jpg": "dev", "3.jpg": "test"}


def _place(root: Path, run: str, step: str, artifact: str) -> Path:
    directory = root / "artifacts" / run / step / artifact
    directory.mkdir(parents=True)
    return directory


def _json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value))


def _manifest(
    root: Path, run: str, splits: dict[str, str], fingerprint: str = "d", test: str = "t"
) -> Path:
    directory = _place(root, run, "ingest", "manifest")
    write_manifest(
        directory,
        [Photo(name, name, "0" * 64, 4, 3, split, ("A dog.",)) for name, split in splits.items()],
    )
    report = {"dataset_fingerprint": fingerprint, "test_fingerprint": test}
    _json(directory / "report.json", report)
    write_checksums(directory)
    return directory


def _captions(
    root: Path, run: str, splits: dict[str, str], words: tuple[str, ...], dropped: tuple[str, ...]
) -> Path:
    directory = _place(root, run, "normalize", "captions")
    write_captions(
        directory,
        [CaptionedPhoto(name, split, ("a dog",), ((4, 5),)) for name, split in splits.items()],
    )
    Vocabulary([*SPECIAL_TOKENS, *words]).save(directory / "vocabulary.txt")
    _json(directory / "report.json", {"photos_without_caption": dropped})
    write_checksums(directory)
    return directory


def _matrix(root: Path, run: str, found: int, *missing: str) -> Path:
    directory = _place(root, run, "embeddings", "matrix")
    rules = dict.fromkeys((*SPECIAL_TOKENS, *missing), "normal")
    _json(directory / "coverage.json", {"found": found, "missing": rules})
    write_checksums(directory)
    return directory


def _scored(root: Path, run: str, **changed: str) -> Path:
    """Writes scores with the model that they are of, and returns their folder."""
    model = _place(root, run, "evaluate", "scored_model")
    (model / "network.json").write_text(run)
    write_checksums(model)
    directory = _place(root, run, "evaluate", "scores")
    facts = {
        "dataset_fingerprint": "d",
        "test_fingerprint": "t",
        "model_fingerprint": checksums_fingerprint(model),
    }
    _json(directory / "scores.json", facts | changed)
    write_checksums(directory)
    return directory


def _written_at(second: int, *directories: Path) -> None:
    for directory in directories:
        os.utime(directory, (second, second))


def test_find_data_of_one_run(tmp_path: Path) -> None:
    manifest = _manifest(tmp_path, FIRST, SPLITS)
    captions = _captions(tmp_path, FIRST, SPLITS, ("a", "dog"), ())
    matrix = _matrix(tmp_path, FIRST, 1, "dog")
    found = find_data(str(tmp_path))
    assert (found.manifest, found.captions, found.matrix) == (manifest, captions, matrix)


def test_find_data_takes_matching_artifacts_of_earlier_runs(tmp_path: Path) -> None:
    # The third run used the data of the first with another vocabulary; the second had other data.
    third = _manifest(tmp_path, THIRD, SPLITS)
    _written_at(100, _manifest(tmp_path, SECOND, {"1.jpg": "test"}))
    _captions(tmp_path, SECOND, {"1.jpg": "test"}, ("a", "dog"), ())
    first = _captions(tmp_path, FIRST, {"1.jpg": "train", "2.jpg": "dev"}, ("a", "dog"), ("3.jpg",))
    _matrix(tmp_path, SECOND, 2, "cat")
    _matrix(tmp_path, THIRD, 1)
    matrix = _matrix(tmp_path, FIRST, 1, "dog")
    found = find_data(tmp_path)
    assert (found.manifest, found.captions, found.matrix) == (third, first, matrix)


def test_find_data_with_the_same_photos_in_other_splits_does_not_match(tmp_path: Path) -> None:
    _manifest(tmp_path, FIRST, SPLITS)
    _captions(tmp_path, FIRST, SPLITS | {"1.jpg": "dev"}, ("a", "dog"), ())
    with pytest.raises(DataError, match="no normalize/captions that matches the others"):
        find_data(tmp_path)


def test_find_data_of_a_given_run(tmp_path: Path) -> None:
    first = _manifest(tmp_path, FIRST, SPLITS)
    _manifest(tmp_path, SECOND, {"1.jpg": "test"})
    _captions(tmp_path, FIRST, SPLITS, ("a", "dog"), ())
    _matrix(tmp_path, FIRST, 2)
    assert find_data(tmp_path, FIRST).manifest == first
    with pytest.raises(DataError, match=f"no ingest/manifest in .*{THIRD}"):
        find_data(tmp_path, THIRD)


def test_find_scores_returns_the_newest_with_their_model_and_data(tmp_path: Path) -> None:
    manifest = _manifest(tmp_path, FIRST, SPLITS)
    _manifest(tmp_path, SECOND, SPLITS, "other data")
    _manifest(tmp_path, THIRD, SPLITS, test="other test split")
    first, third = _scored(tmp_path, FIRST), _scored(tmp_path, THIRD)
    _written_at(100, first)
    found = find_scores(tmp_path)
    assert (found.scores, found.manifest) == (third, manifest)
    assert found.model == third.parent / "scored_model"
    assert find_scores(tmp_path, FIRST).scores == first


def test_find_scores_newest_is_by_time_of_writing_not_by_local_time(tmp_path: Path) -> None:
    # Daylight saving time ended between the two runs.
    _manifest(tmp_path, FIRST, SPLITS)
    before = _scored(tmp_path, "captionflow-2026-10-25-02-50-00-000001")
    after = _scored(tmp_path, "captionflow-2026-10-25-02-10-00-000001")
    _written_at(1000, before)
    _written_at(2200, after)
    assert find_scores(tmp_path).scores == after


@pytest.mark.parametrize("change", ["edited", "removed"])
def test_find_scores_without_the_scored_model_fails(tmp_path: Path, change: str) -> None:
    _manifest(tmp_path, FIRST, SPLITS)
    model = _scored(tmp_path, FIRST).parent / "scored_model"
    if change == "edited":
        (model / "decoding.json").write_text("{}")
    else:
        shutil.rmtree(model)
    with pytest.raises(
        DataError, match=r"scored_model must be the model that was scored.*no-cache"
    ):
        find_scores(tmp_path)


def test_find_scores_and_data_of_a_damaged_artifact_name_the_file(tmp_path: Path) -> None:
    manifest, scores = _manifest(tmp_path, FIRST, SPLITS), _scored(tmp_path, FIRST)
    for artifact, name in ((scores, "scores.json"), (manifest, "manifest.parquet")):
        content = (artifact / name).read_bytes()
        (artifact / name).write_bytes(content[:-1])
        with pytest.raises(DataError, match=rf"{artifact / name} is damaged.*captionflow run"):
            find_scores(tmp_path)
        (artifact / name).write_bytes(content)
    (manifest / "manifest.parquet").unlink()
    with pytest.raises(DataError, match=r"manifest\.parquet is missing"):
        find_data(tmp_path)


def test_find_scores_in_an_empty_folder_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no evaluate/scores .*captionflow run --root"):
        find_scores(tmp_path / "runs")
