"""Puts a bundle into MLflow as a model that loads anywhere: with its code, without pickle."""

import logging
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import mlflow
import pandas as pd
from mlflow import MlflowClient
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema

import components
from components.platform.artifacts import write_json
from components.platform.errors import DataError
from components.platform.manifest import Photo, read_manifest

logger = logging.getLogger(__name__)

_SIGNATURE = ModelSignature(
    inputs=Schema([ColSpec(DataType.binary, "photo")]),
    outputs=Schema([ColSpec(DataType.string, "caption")]),
)
# As `captioning.bundle` names it, which imports TensorFlow.
_DECODING_FILE = "decoding.json"
# What describes a photo: the rooms that `model_code.py` imports from.
_CODE = ("captioning", "platform")
# What a bundle and `model_code.py` import; a test keeps the list whole.
_REQUIREMENTS = (
    "keras",
    "mlflow",
    "numpy",
    "pandas",
    "pillow",
    "pyarrow",
    "pydantic",
    "scikit-learn",
    "scipy",
    "tensorflow",
)


def log_bundle(
    bundle: Path, manifest: Path, run_id: str, *, decoding: Mapping[str, int | float]
) -> str:
    """Logs a bundle in its training run as an MLflow model, and lets that describe a photo.

    Args:
        bundle: The bundle's directory.
        manifest: The manifest artifact; one of its test photos becomes the input example.
        run_id: The MLflow run that trained the bundle.
        decoding: How captions were searched when the model was scored, and so how the logged
            model searches them: the settings of `captioning.decoding.DecodingConfig`.

    Returns:
        The id of MLflow's logged model.

    Raises:
        DataError: If the manifest holds no photo, or the logged model does not describe it.
    """
    photo = _example(manifest)
    example = pd.DataFrame({"photo": [Path(photo.uri).read_bytes()]})
    with TemporaryDirectory() as folder, _inside(run_id):
        released = Path(shutil.copytree(bundle, Path(folder) / "bundle"))
        write_json(released / _DECODING_FILE, dict(decoding))
        logged = mlflow.pyfunc.log_model(
            name="captioner",
            python_model=str(Path(__file__).with_name("model_code.py")),
            artifacts={"bundle": str(released)},
            code_paths=[str(_code(Path(folder)))],
            pip_requirements=[f"{name}=={version(name)}" for name in _REQUIREMENTS],
            signature=_SIGNATURE,
            input_example=example,
        )
    # MLflow itself tries the example too, but would only warn.
    captions = mlflow.pyfunc.load_model(logged.model_uri).predict(example)["caption"]
    logger.info("the logged model says of %s: %s", photo.image_id, captions[0])
    return str(logged.model_id)


def _code(folder: Path) -> Path:
    # The ground floor alone: each file is a request or more to a server.
    source, target = Path(components.__file__).parent, folder / "components"
    for room in _CODE:
        shutil.copytree(source / room, target / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(components.__file__, target)
    return target


def _example(manifest: Path) -> Photo:
    photos = read_manifest(manifest)
    if not photos:
        raise DataError(f"The manifest must hold at least one photo. Received none: {manifest}")
    return next((photo for photo in photos if photo.split == "test"), photos[0])


@contextmanager
def _inside(run_id: str) -> Iterator[None]:
    """Makes a run active again, and leaves how and when it ended as it was."""
    client = MlflowClient()
    before = client.get_run(run_id).info
    try:
        with mlflow.start_run(run_id=run_id):
            yield
    finally:
        if before.end_time is not None:
            client.set_terminated(run_id, before.status, before.end_time)
