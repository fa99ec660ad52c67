"""Training photos: recorded in the MLflow run, to detect contamination of a later test set.

A champion trained on a photo that is a test photo today must not be compared on it, and a model
that continues from it must not be tested on it either.
"""

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from mlflow import MlflowClient

from components.artifacts.manifest import Photo
from components.errors import CaptionflowError
from components.registry.client import mlflow_client, without_credentials
from components.registry.runs import run_exists

_FILE = "training_photos.txt"
# The training photos that were only in dev.
_DEV_FILE = "dev_photos.txt"


class TrainingPhotos(NamedTuple):
    """The photos of a training, each as the SHA-256 of its bytes.

    Attributes:
        all: Photos of train and dev; dev counts because it decides when the training stops.
        dev: Photos that were only in dev; empty in records of older versions.
    """

    all: frozenset[str]
    dev: frozenset[str]

    @classmethod
    def of(cls, photos: Iterable[Photo]) -> "TrainingPhotos":
        """Returns the training photos among the photos of a manifest."""
        split = {photo.sha256: photo.split for photo in photos if photo.split != "test"}
        return cls(
            frozenset(split), frozenset(sha256 for sha256 in split if split[sha256] == "dev")
        )

    def with_parent(self, parent: "TrainingPhotos") -> "TrainingPhotos":
        """Returns these photos and those of the model that the training continued from."""
        train = (self.all - self.dev) | (parent.all - parent.dev)
        return TrainingPhotos(self.all | parent.all, (self.dev | parent.dev) - train)


def record_training_photos(run_id: str, photos: TrainingPhotos) -> None:
    """Stores the SHA-256 of each training photo in the run, one per line.

    Args:
        run_id: The MLflow run that trained on them.
        photos: The photos.

    Raises:
        CaptionflowError: If MLflow can't be used, or has no such run.
    """
    with mlflow_client() as client:
        for name, listed in ((_FILE, photos.all), (_DEV_FILE, photos.dev)):
            client.log_text(run_id, "".join(f"{sha256}\n" for sha256 in sorted(listed)), name)


def read_training_photos(run_id: str) -> TrainingPhotos | None:
    """Returns what `record_training_photos` stored; None if there is no such run or record.

    Raises:
        CaptionflowError: If MLflow can't be used, or a file can't be read.
    """
    if not run_exists(run_id):
        return None
    with mlflow_client() as client, TemporaryDirectory(prefix="captionflow-") as folder:
        try:
            found = {file.path for file in client.list_artifacts(run_id)}
            if _FILE not in found:
                return None
            everything, dev = (
                _read(client, run_id, name, folder) if name in found else frozenset[str]()
                for name in (_FILE, _DEV_FILE)
            )
            return TrainingPhotos(everything, dev)
        except OSError as error:
            raise CaptionflowError(
                f"{_FILE} of the MLflow run {run_id} can't be read: "
                f"{without_credentials(str(error))}"
            ) from error


def _read(client: MlflowClient, run_id: str, name: str, folder: str) -> frozenset[str]:
    copy = client.download_artifacts(run_id, name, folder)
    return frozenset(Path(copy).read_text(encoding="ascii").split())
