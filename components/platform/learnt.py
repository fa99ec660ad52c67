"""Which photos a model learnt from, noted in its MLflow run: none of them may test it later."""

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from components.artifacts.manifest import Photo
from components.errors import CaptionflowError
from components.platform.registry import has_run
from components.platform.tracking import mlflow_client, without_credentials

_FILE = "learnt_photos.txt"


def learnt_photos(photos: Iterable[Photo]) -> frozenset[str]:
    """Returns the SHA-256 of all photos that a training sees: of train, and of dev, which stops it.

    Args:
        photos: All photos of a manifest.
    """
    return frozenset(photo.sha256 for photo in photos if photo.split != "test")


def note_learnt(run_id: str, photos: Iterable[Photo]) -> None:
    """Notes in a training's run which photos it saw: a text file, one SHA-256 a line.

    Raises:
        CaptionflowError: If MLflow can't be used, or has no such run.
    """
    with mlflow_client() as client:
        client.log_text(
            run_id, "".join(f"{each}\n" for each in sorted(learnt_photos(photos))), _FILE
        )


def read_learnt(run_id: str) -> frozenset[str] | None:
    """Returns what `note_learnt` noted; None if nothing was, or the run is gone.

    Raises:
        CaptionflowError: If MLflow can't be used.
    """
    if not has_run(run_id):
        return None
    with mlflow_client() as client, TemporaryDirectory(prefix="captionflow-") as folder:
        try:
            if not any(found.path == _FILE for found in client.list_artifacts(run_id)):
                return None
            copy = client.download_artifacts(run_id, _FILE, folder)
            return frozenset(Path(copy).read_text(encoding="ascii").split())
        except OSError as error:
            raise CaptionflowError(
                f"{_FILE} of the MLflow run {run_id} must be readable: "
                f"{without_credentials(str(error))}"
            ) from error
