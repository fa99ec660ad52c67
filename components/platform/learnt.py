"""Which photos a model learnt from, noted in its MLflow run: none of them may test it later."""

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from mlflow.artifacts import download_artifacts

from components.platform.manifest import Photo
from components.platform.tracking import mlflow_client, tracking_uri

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
    """Returns what `note_learnt` noted; None if nothing was.

    Raises:
        CaptionflowError: If MLflow can't be used, or has no such run.
    """
    with mlflow_client() as client, TemporaryDirectory(prefix="captionflow-") as folder:
        if not any(found.path == _FILE for found in client.list_artifacts(run_id)):
            return None
        copy = download_artifacts(
            run_id=run_id, artifact_path=_FILE, dst_path=folder, tracking_uri=tracking_uri()
        )
        return frozenset(Path(copy).read_text(encoding="ascii").split())
