"""The parent: the trained model that a training continues from, the setting `start_from`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from components.artifacts.checksums import CHECKSUMS_FILE, check_bundle, fetch_checked
from components.artifacts.files import TRAINING_FILE, read_json
from components.artifacts.fingerprint import fingerprint_file
from components.artifacts.training_photos import TRAINING_PHOTOS_FILE, TrainingPhotos
from components.errors import DataError
from components.registry.download import download_bundle_file, download_model, find_version
from components.registry.model_uri import is_model_uri, parse_model_uri
from components.storage.transfer import local_copy


class Parent(NamedTuple):
    """A parent's files.

    Attributes:
        source: `models:/NAME/VERSION`, or the folder as the user gave it.
        bundle: The local folder of its bundle.
        run_id: The MLflow run that trained it.
        photos: The photos that it was trained on, and those of its own parent.
    """

    source: str
    bundle: Path
    run_id: str
    photos: TrainingPhotos


@contextmanager
def open_parent(start_from: str) -> Iterator[Parent]:
    """Yields a parent's files; downloaded ones are removed afterwards.

    Args:
        start_from: MLflow's URI of a registered model, or a folder, local, `gs://` or `s3://`.

    Raises:
        DataError: If there is no such model, or its files are missing or damaged.
        SettingError: If the URI is malformed.
        CaptionflowError: If MLflow or an object store can't be used.
    """
    with TemporaryDirectory(prefix="captionflow-parent-") as folder:
        if is_model_uri(start_from):
            name, version = _version(start_from)
            source = f"models:/{name}/{version}"
            bundle = download_model(name, version, Path(folder)).bundle
        else:
            source, bundle = start_from, local_copy(start_from, Path(folder))
        check_bundle(bundle, source)
        yield Parent(source, bundle, _run_id(bundle / TRAINING_FILE), _photos(bundle, source))


def parent_fingerprint(start_from: str) -> str:
    """Returns the SHA-256 of a parent's checksums, which identifies its content.

    Raises:
        DataError, SettingError, CaptionflowError: As `open_parent`.
    """
    with TemporaryDirectory(prefix="captionflow-parent-") as folder:
        return fingerprint_file(_file(start_from, CHECKSUMS_FILE, Path(folder)))


def parent_photos(start_from: str) -> TrainingPhotos:
    """Returns the photos that a parent was trained on, and those of its own parent.

    Of the parent's bundle, only their file and the checksums are downloaded.

    Raises:
        DataError, SettingError, CaptionflowError: As `open_parent`.
    """
    with TemporaryDirectory(prefix="captionflow-parent-") as folder:
        file = _file(start_from, TRAINING_PHOTOS_FILE, Path(folder))
        return _photos(file.parent, start_from)


def _version(start_from: str) -> tuple[str, str]:
    name, alias, version = parse_model_uri(start_from, option="start_from")
    return name, version or find_version(name, alias)


def _file(start_from: str, name: str, folder: Path) -> Path:
    if is_model_uri(start_from):
        return download_bundle_file(*_version(start_from), name, folder)
    bundle = start_from.rstrip("/")
    return fetch_checked(name, lambda file: local_copy(f"{bundle}/{file}", folder), bundle)


def _photos(bundle: Path, source: str) -> TrainingPhotos:
    try:
        return TrainingPhotos.load(bundle)
    except (OSError, ValueError) as error:
        raise DataError(
            f"{source}, from which the training continues, must have a record of the photos that "
            f"it was trained on, {TRAINING_PHOTOS_FILE}: otherwise it could be tested on photos "
            f"that it has learnt. Received: {error}"
        ) from error


def _run_id(file: Path) -> str:
    try:
        return str(read_json(file)["mlflow_run_id"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise DataError(
            f"start_from must be a model that captionflow trained, with {TRAINING_FILE}. Received: "
            f"{error!r}"
        ) from error
