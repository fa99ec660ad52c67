import json
from pathlib import Path
from typing import Any

import pytest

from components.artifacts.captions import CaptionedPhoto, write_captions
from components.artifacts.manifest import Photo, write_manifest
from components.captioning.model.vocabulary import SPECIAL_TOKENS, Vocabulary
from components.errors import DataError
from pipeline.local.runs import find_data, find_scores

# The names sort as the runs began.
FIRST, SECOND, THIRD = (f"captionflow-2026-11-2{day}-09-00-00-000001" for day in (1, 2, 3))
SPLITS = {"1.jpg": "train", "2.jpg": "dev", "3.jpg": "test"}


def _place(root: Path, run: str, step: str, artifact: str) -> Path:
    directory = root / "artifacts" / run / step / artifact
    directory.mkdir(parents=True)
    return directory


def _json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value))


def _manifest(root: Path, run: str, splits: dict[str, str], fingerprint: str = "d") -> Path:
    directory = _place(root, run, "ingest", "manifest")
    write_manifest(
        directory,
        [Photo(name, name, "0" * 64, 4, 3, split, ("A dog.",)) for name, split in splits.items()],
    )
    _json(directory / "report.json", {"dataset_fingerprint": fingerprint})
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
    return directory


def _matrix(root: Path, run: str, found: int, *missing: str) -> Path:
    directory = _place(root, run, "embeddings", "matrix")
    rules = dict.fromkeys((*SPECIAL_TOKENS, *missing), "normal")
    _json(directory / "coverage.json", {"found": found, "missing": rules})
    return directory


def _scores(root: Path, run: str, fingerprint: str = "d", sha256: str = "e") -> Path:
    directory = _place(root, run, "evaluate", "scores")
    facts = {
        "dataset_fingerprint": fingerprint,
        "encoder": {"sha256": sha256},
        "vocabulary_known": 2,
    }
    _json(directory / "scores.json", facts)
    return directory


def _model(root: Path, run: str, sha256: str = "e", words: tuple[str, ...] = ("a", "dog")) -> Path:
    directory = _place(root, run, "train", "model")
    _json(directory / "encoder.json", {"sha256": sha256})
    Vocabulary([*SPECIAL_TOKENS, *words]).save(directory / "vocabulary.txt")
    return directory


def test_find_data_of_one_run(tmp_path: Path) -> None:
    manifest = _manifest(tmp_path, FIRST, SPLITS)
    captions = _captions(tmp_path, FIRST, SPLITS, ("a", "dog"), ())
    matrix = _matrix(tmp_path, FIRST, 1, "dog")
    found = find_data(str(tmp_path))
    assert (found.manifest, found.captions, found.matrix) == (manifest, captions, matrix)


def test_find_data_takes_from_earlier_runs_what_fits(tmp_path: Path) -> None:
    # The third run read the first one's data with other words; the second had data of its own.
    third = _manifest(tmp_path, THIRD, SPLITS)
    _manifest(tmp_path, SECOND, {"1.jpg": "test"})
    _captions(tmp_path, SECOND, {"1.jpg": "test"}, ("a", "dog"), ())
    first = _captions(tmp_path, FIRST, {"1.jpg": "train", "2.jpg": "dev"}, ("a", "dog"), ("3.jpg",))
    _matrix(tmp_path, SECOND, 2, "cat")
    _matrix(tmp_path, THIRD, 1)
    matrix = _matrix(tmp_path, FIRST, 1, "dog")
    found = find_data(tmp_path)
    assert (found.manifest, found.captions, found.matrix) == (third, first, matrix)


def test_find_data_with_the_same_photos_in_other_splits_does_not_fit(tmp_path: Path) -> None:
    _manifest(tmp_path, FIRST, SPLITS)
    _captions(tmp_path, FIRST, SPLITS | {"1.jpg": "dev"}, ("a", "dog"), ())
    with pytest.raises(DataError, match="no normalize/captions that belongs to the others"):
        find_data(tmp_path)


def test_find_data_of_a_run_by_its_name(tmp_path: Path) -> None:
    first = _manifest(tmp_path, FIRST, SPLITS)
    _manifest(tmp_path, SECOND, {"1.jpg": "test"})
    _captions(tmp_path, FIRST, SPLITS, ("a", "dog"), ())
    _matrix(tmp_path, FIRST, 2)
    assert find_data(tmp_path, FIRST).manifest == first
    with pytest.raises(DataError, match=f"no ingest/manifest in .*{THIRD}"):
        find_data(tmp_path, THIRD)


def test_find_scores_takes_the_newest_and_what_they_were_measured_on(tmp_path: Path) -> None:
    manifest = _manifest(tmp_path, FIRST, SPLITS, "d")
    _manifest(tmp_path, SECOND, SPLITS, "other data")
    _model(tmp_path, FIRST)
    model = _model(tmp_path, SECOND)
    _model(tmp_path, THIRD, sha256="other encoder")
    _scores(tmp_path, FIRST)
    scores = _scores(tmp_path, THIRD)
    found = find_scores(tmp_path)
    assert (found.scores, found.manifest, found.model) == (scores, manifest, model)


def test_find_scores_passes_over_a_model_with_other_words(tmp_path: Path) -> None:
    _manifest(tmp_path, FIRST, SPLITS)
    model = _model(tmp_path, FIRST)
    _model(tmp_path, SECOND, words=("a", "dog", "runs"))
    _scores(tmp_path, SECOND)
    assert find_scores(tmp_path).model == model


def test_find_scores_in_an_empty_folder_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no evaluate/scores .* captionflow run --root"):
        find_scores(tmp_path / "runs")
