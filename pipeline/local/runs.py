"""Finds the artifacts of finished local runs in a work folder, for those who look at them.

A run keeps each artifact at `ROOT/artifacts/RUN/STEP/ARTIFACT`, but only those that it made: what
came from the cache lies with an earlier run. So one artifact is taken from the newest run that has
it, and the others are the newest that belong to it by what they hold.
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

#: In place of a run's name: any run.
ANY = "*"


@dataclass(frozen=True)
class FoundData:
    """The artifacts that tell of a data set.

    Attributes:
        manifest: Of `ingest`: photos, captions and splits.
        captions: Of `normalize`: the same captions as token ids.
        matrix: Of `embeddings`: of that vocabulary.
    """

    manifest: Path
    captions: Path
    matrix: Path


@dataclass(frozen=True)
class FoundScores:
    """The artifacts that tell of a model's captions.

    Attributes:
        scores: Of `evaluate`: captions of the test split, and BLEU.
        manifest: Of `ingest`: the photos that were described.
        model: Of `train`: what described them.
    """

    scores: Path
    manifest: Path
    model: Path


def find_data(root: str | Path, run: str = ANY) -> FoundData:
    """Finds the data set that was read last.

    Args:
        root: The work folder.
        run: The folder below `artifacts` whose manifest is meant; of any run if `ANY`.

    Returns:
        Its manifest, the newest captions artifact of the same photos in the same splits, and the
        newest embeddings of that vocabulary.

    Raises:
        DataError: If one of them is not there.
    """
    manifest = _newest(root, "ingest/manifest", run=run)
    division = _division(manifest / MANIFEST_FILE)

    def of_these_photos(captions: Path) -> bool:
        dropped = set(read_json(captions / REPORT_FILE)["photos_without_caption"])
        left = {photo for photo in division if photo[0] not in dropped}
        return _division(captions / CAPTIONS_FILE) == left

    captions = _newest(root, "normalize/captions", of_these_photos)
    words = set(Vocabulary.load(captions / VOCABULARY_FILE).words)

    def of_these_words(matrix: Path) -> bool:
        coverage = read_json(matrix / COVERAGE_FILE)
        missing = set(coverage["missing"])
        return missing <= words and coverage["found"] + len(missing) == len(words)

    return FoundData(manifest, captions, _newest(root, "embeddings/matrix", of_these_words))


def find_scores(root: str | Path, run: str = ANY) -> FoundScores:
    """Finds the scores that were measured last.

    Args:
        root: The work folder.
        run: The folder below `artifacts` whose scores are meant; of any run if `ANY`.

    Returns:
        Those scores, the newest manifest of the data that they were measured on, and the newest
        model with the same encoder and a vocabulary of the same size.

    Raises:
        DataError: If one of them is not there.
    """
    # It brings TensorFlow, which looking at data has no need of.
    from components.artifacts.examples import ENCODER_FILE

    scores = _newest(root, "evaluate/scores", run=run)
    facts = read_json(scores / SCORES_FILE)

    def of_this_data(manifest: Path) -> bool:
        report = read_json(manifest / REPORT_FILE)
        return bool(report["dataset_fingerprint"] == facts["dataset_fingerprint"])

    def of_this_kind(model: Path) -> bool:
        known = len(Vocabulary.load(model / VOCABULARY_FILE)) - len(SPECIAL_TOKENS)
        encoder = read_json(model / ENCODER_FILE)
        return (encoder["sha256"], known) == (facts["encoder"]["sha256"], facts["vocabulary_known"])

    manifest = _newest(root, "ingest/manifest", of_this_data)
    return FoundScores(scores, manifest, _newest(root, "train/model", of_this_kind))


def _newest(
    root: str | Path, place: str, fits: Callable[[Path], bool] | None = None, *, run: str = ANY
) -> Path:
    # A run's folder is named after the moment when it began.
    for path in sorted(Path(root).glob(f"artifacts/{run}/{place}"), reverse=True):
        if fits is None or fits(path):
            return path
    wanted = place if fits is None else f"{place} that belongs to the others"
    raise DataError(
        f"A work folder must hold a finished run: there is no {wanted} in "
        f"{Path(root) / 'artifacts' / run}. Run: python -m pipeline.local --root {root}"
    )


def _division(file: Path) -> set[tuple[Any, Any]]:
    table = pq.ParquetFile(file).read(columns=["image_id", "split"])
    return set(zip(*(column.to_pylist() for column in table.columns), strict=True))
