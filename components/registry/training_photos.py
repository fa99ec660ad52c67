"""Training photos: recorded in the MLflow run, to detect contamination of a later test set.

A champion trained on a photo that is a test photo today must not be compared on it.
"""

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from components.artifacts.manifest import Photo
from components.errors import CaptionflowError
from components.registry.client import mlflow_client, without_credentials
from components.registry.runs import run_exists

_FILE = "training_photos.txt"


def training_photos(photos: Iterable[Photo]) -> frozenset[str]:
    """Returns the SHA-256 of each photo that a training uses: those of train and of dev.

    Dev counts because it decides when the training stops.

    Args:
        photos: All photos of a manifest.
    """
    return frozenset(photo.sha256 for photo in photos if photo.split != "test")


def record_training_photos(run_id: str, photos: Iterable[Photo]) -> None:
    """Stores the SHA-256 of each training photo in the run, one a line.

    Args:
        run_id: The MLflow run that trained on them.
        photos: All photos of its manifest.

    Raises:
        CaptionflowError: If MLflow can't be used, or has no such run.
    """
    lines = "".join(f"{sha256}\n" for sha256 in sorted(training_photos(photos)))
    with mlflow_client() as client:
        client.log_text(run_id, lines, _FILE)


def read_training_photos(run_id: str) -> frozenset[str] | None:
    """Returns what `record_training_photos` stored; None if there is no such run or record.

    Raises:
        CaptionflowError: If MLflow can't be used, or the file can't be read.
    """
    if not run_exists(run_id):
        return None
    with mlflow_client() as client, TemporaryDirectory(prefix="captionflow-") as folder:
        try:
            if not any(found.path == _FILE for found in client.list_artifacts(run_id)):
                return None
            copy = client.download_artifacts(run_id, _FILE, folder)
            return frozenset(Path(copy).read_text(encoding="ascii").split())
        except OSError as error:
            raise CaptionflowError(
                f"{_FILE} of the MLflow run {run_id} can't be read: "
                f"{without_credentials(str(error))}"
            ) from error
