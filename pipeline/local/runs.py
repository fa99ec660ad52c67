"""Finds the artifacts of finished local runs in a work folder, for notebooks.

A run stores the artifacts that it makes at `ROOT/artifacts/RUN/STEP/ARTIFACT`; those that it reuses
are stored with an earlier run. So one artifact is taken from the newest run that has it, and for
each of the others the newest one whose content matches.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from components.artifacts.captions import CAPTIONS_FILE, VOCABULARY_FILE
from components.artifacts.files import SCORES_FILE, read_json
from components.artifacts.manifest import MANIFEST_FILE, REPORT_FILE
from components.captioning.model.vocabulary import SPECIAL_TOKENS, Vocabulary
from components.embeddings.matrix import COVERAGE_FILE
from components.errors import DataError

#: Stands for any run in place of a run's name.
ANY = "*"


@dataclass(frozen=True)
class FoundData:
    """The artifacts that describe a data set.

    Attributes:
        manifest: Artifact of `ingest`: photos, captions and splits.
        captions: Artifact of `normalize`: the same captions as token ids.
        matrix: Artifact of `embeddings`: the word vectors of their vocabulary.
    """

    manifest: Path
    captions: Path
    matrix: Path


@dataclass(frozen=True)
class FoundScores:
    """The artifacts that describe a model's captions.

    Attributes:
        scores: Artifact of `evaluate`: captions of the test split, and their scores.
        manifest: Artifact of `ingest`: the captioned photos.
        model: Artifact of `train`: the model.
    """

    scores: Path
    manifest: Path
    model: Path


def find_data(root: str | Path, run: str = ANY) -> FoundData:
    """Finds the data set of the latest run.

    Args:
        root: The work folder.
        run: Name of the run's folder in `artifacts`; `ANY` for the latest run with a manifest.

    Returns:
        Its manifest, the newest captions with the same photos and splits, and the newest embeddings
        with their vocabulary.

    Raises:
        DataError: If one of them does not exist.
    """
    manifest = _newest(root, "ingest/manifest", run=run)
    splits = _split_assignment(manifest / MANIFEST_FILE)

    def has_the_same_photos(captions: Path) -> bool:
        without_caption = set(read_json(captions / REPORT_FILE)["photos_without_caption"])
        remaining = {photo for photo in splits if photo[0] not in without_caption}
        return _split_assignment(captions / CAPTIONS_FILE) == remaining

    captions = _newest(root, "normalize/captions", has_the_same_photos)
    words = set(Vocabulary.load(captions / VOCABULARY_FILE).words)

    def has_the_same_words(matrix: Path) -> bool:
        coverage = read_json(matrix / COVERAGE_FILE)
        missing = set(coverage["missing"])
        return missing <= words and coverage["found"] + len(missing) == len(words)

    return FoundData(manifest, captions, _newest(root, "embeddings/matrix", has_the_same_words))


def find_scores(root: str | Path, run: str = ANY) -> FoundScores:
    """Finds the scores of the latest run.

    Args:
        root: The work folder.
        run: Name of the run's folder in `artifacts`; `ANY` for the latest run with scores.

    Returns:
        The scores, the newest manifest of the same data, and the newest model with the same encoder
        and a vocabulary of the same size.

    Raises:
        DataError: If one of them does not exist.
    """
    # This module loads TensorFlow, which `find_data` does not need.
    from components.artifacts.examples import ENCODER_FILE

    scores = _newest(root, "evaluate/scores", run=run)
    facts = read_json(scores / SCORES_FILE)

    def has_the_same_data(manifest: Path) -> bool:
        report = read_json(manifest / REPORT_FILE)
        return bool(report["dataset_fingerprint"] == facts["dataset_fingerprint"])

    def has_the_same_encoder_and_vocabulary_size(model: Path) -> bool:
        known = len(Vocabulary.load(model / VOCABULARY_FILE)) - len(SPECIAL_TOKENS)
        encoder = read_json(model / ENCODER_FILE)
        return (encoder["sha256"], known) == (facts["encoder"]["sha256"], facts["vocabulary_known"])

    manifest = _newest(root, "ingest/manifest", has_the_same_data)
    return FoundScores(
        scores, manifest, _newest(root, "train/model", has_the_same_encoder_and_vocabulary_size)
    )


def _newest(
    root: str | Path,
    artifact: str,
    matches: Callable[[Path], bool] | None = None,
    *,
    run: str = ANY,
) -> Path:
    # The names of run folders contain the time of the run, so they sort by age.
    for path in sorted(Path(root).glob(f"artifacts/{run}/{artifact}"), reverse=True):
        if matches is None or matches(path):
            return path
    wanted = artifact if matches is None else f"{artifact} that matches the other artifacts"
    raise DataError(
        f"There is no {wanted} in {Path(root) / 'artifacts' / run}. Start a run with "
        f"`captionflow run --root {root}`"
    )


def _split_assignment(file: Path) -> set[tuple[Any, Any]]:
    table = pq.ParquetFile(file).read(columns=["image_id", "split"])
    return set(zip(*(column.to_pylist() for column in table.columns), strict=True))
