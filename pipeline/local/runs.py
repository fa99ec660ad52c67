"""Finds matching artifacts of local runs in a work folder, for notebooks and tools.

A run keeps each artifact that it produced in `ROOT/artifacts/RUN/STEP/ARTIFACT`; artifacts from the
cache stay in the folder of the run that produced them. So the newest artifact of one step is
chosen, and from the other steps the newest artifacts whose content matches it.

Artifacts are ordered by the time at which they were written. The names of the run folders are in
local time, which goes back an hour when daylight saving time ends.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from components.artifacts.captions import CAPTIONS_FILE, VOCABULARY_FILE
from components.artifacts.checksums import checksums_fingerprint, directory_damage
from components.artifacts.files import COVERAGE_FILE, SCORES_FILE, read_json
from components.artifacts.manifest import MANIFEST_FILE, REPORT_FILE
from components.captioning.model.vocabulary import Vocabulary
from components.errors import DataError

#: Stands for any run, instead of the name of one.
ANY = "*"


@dataclass(frozen=True)
class FoundData:
    """The artifacts of a dataset.

    Attributes:
        manifest: The artifact of `ingest`: photos, captions and splits.
        captions: The artifact of `normalize`: these captions as token ids.
        matrix: The artifact of `embeddings` for their vocabulary.
    """

    manifest: Path
    captions: Path
    matrix: Path


@dataclass(frozen=True)
class FoundScores:
    """The artifacts of an evaluation.

    Attributes:
        scores: The scores, and the captions of the test split.
        manifest: The artifact of `ingest` with the photos that were described.
        model: The model that was scored, with its decoding settings.
    """

    scores: Path
    manifest: Path
    model: Path


def find_data(root: str | Path, run: str = ANY) -> FoundData:
    """Finds the dataset that was read last.

    Args:
        root: The work folder.
        run: The folder in `artifacts` to take the manifest from; `ANY` for the newest manifest.

    Returns:
        The manifest, the newest captions of the same photos in the same splits, and the newest
        embeddings of their vocabulary.

    Raises:
        DataError: If one of them is missing or damaged.
    """
    manifest = _newest(root, "ingest/manifest", run=run)
    splits = _splits(manifest / MANIFEST_FILE)

    def has_these_photos(captions: Path) -> bool:
        dropped = set(read_json(captions / REPORT_FILE)["photos_without_caption"])
        remaining = {photo for photo in splits if photo[0] not in dropped}
        return _splits(captions / CAPTIONS_FILE) == remaining

    captions = _newest(root, "normalize/captions", has_these_photos)
    words = set(Vocabulary.load(captions / VOCABULARY_FILE).words)

    def has_these_words(matrix: Path) -> bool:
        coverage = read_json(matrix / COVERAGE_FILE)
        missing = set(coverage["missing"])
        return missing <= words and coverage["found"] + len(missing) == len(words)

    return FoundData(manifest, captions, _newest(root, "embeddings/matrix", has_these_words))


def find_scores(root: str | Path, run: str = ANY) -> FoundScores:
    """Finds the scores of the latest run.

    Args:
        root: The work folder.
        run: The folder in `artifacts` to take the scores from; `ANY` for the newest scores.

    Returns:
        The scores, the model that they name, and the newest manifest of the data that they name.

    Raises:
        DataError: If one of them is missing or damaged, or the model is not the one that was
            scored.
    """
    scores = _newest(root, "evaluate/scores", run=run)
    facts = read_json(scores / SCORES_FILE)
    # Both are outputs of one step, so they are always in the same run, cached or not.
    model = scores.parent / "scored_model"
    found = directory_damage(model) or checksums_fingerprint(model)
    if found != facts["model_fingerprint"]:
        raise DataError(
            f"{model} must be the model that was scored, with the fingerprint "
            f"{facts['model_fingerprint']}. Received: {found}. "
            f"Run `captionflow run --root {root} --no-cache`"
        )

    def has_this_data(manifest: Path) -> bool:
        report = read_json(manifest / REPORT_FILE)
        names = ("dataset_fingerprint", "test_fingerprint")
        return all(report[name] == facts[name] for name in names)

    return FoundScores(scores, _newest(root, "ingest/manifest", has_this_data), model)


def _newest(
    root: str | Path, name: str, matches: Callable[[Path], bool] | None = None, *, run: str = ANY
) -> Path:
    paths = sorted(
        Path(root).glob(f"artifacts/{run}/{name}"),
        key=lambda path: path.stat().st_mtime_ns,
        reverse=True,
    )
    for path in paths:
        if damage := directory_damage(path):
            raise DataError(
                f"{damage}. Run `captionflow run --root {root}`, which creates it again"
            )
        if matches is None or matches(path):
            return path
    wanted = name if matches is None else f"{name} that matches the others"
    raise DataError(
        f"There is no {wanted} in {Path(root) / 'artifacts' / run}. Start a run with "
        f"`captionflow run --root {root}`"
    )


def _splits(file: Path) -> set[tuple[Any, Any]]:
    """Returns the pairs of image id and split in a Parquet file."""
    table = pq.ParquetFile(file).read(columns=["image_id", "split"])
    return set(zip(*(column.to_pylist() for column in table.columns), strict=True))
