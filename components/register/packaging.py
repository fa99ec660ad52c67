"""Logs a bundle as an MLflow model that includes its code and loads without pickle."""

import shutil
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mlflow
import pandas as pd
from mlflow import MlflowClient
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema
from mlflow.types.schema import AnyType, Array, Object, Property
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE

import components
from components.artifacts.code_version import library_distributions
from components.artifacts.decoding import decoding_file
from components.artifacts.files import ENCODER_ONNX_FILE, read_json
from components.artifacts.manifest import Photo
from components.errors import DataError
from components.registry.ownership import deleted_on_error, ownership_tags
from components.storage.reading import read_bytes

# The logged model's description, until it is registered. MLflow's page always has a button to
# register the model.
_NOT_YET = (
    "The step `register` of captionflow logged this model, and is checking it. **Please do not "
    "register it here**: a version made by hand has not passed the gate."
)
_CAPTION_FIELDS = [Property("caption", DataType.string), Property("score", DataType.double)]
# Packages that `model_code.py` imports from.
_CODE = ("captioning", "artifacts", "settings")
# Libraries that the bundle's code imports; a test checks that none is missing.
_REQUIREMENTS = (
    "h5py",
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
# Additional libraries for an ONNX encoder.
_ONNX_REQUIREMENTS = ("onnx", "onnxruntime")


class _UntriedPyfunc:
    """MLflow's flavor `pyfunc` for a model that is logged without a trial prediction.

    Otherwise `Model.log` loads TensorFlow and the model in this process and captions the example,
    which takes as long as the parity check, and shows less: it only logs an error. `Model.log`
    passes its option `validate_serving_input` on to the flavor, and MLflow's own flavor rejects it.
    """

    @staticmethod
    def save_model(*, validate_serving_input: bool, **arguments: Any) -> None:
        """Saves the model as MLflow's flavor does; see `mlflow.pyfunc.save_model`."""
        mlflow.pyfunc.save_model(**arguments)


def log_bundle(bundle: Path, photos: Sequence[Photo], run_id: str) -> str:
    """Logs a bundle in its training run as an MLflow model.

    Args:
        bundle: The directory of a scored model.
        photos: All photos of the manifest; one of its test photos becomes the input example.
        run_id: The MLflow run that trained the bundle.

    Returns:
        The id of MLflow's logged model.

    Raises:
        DataError: If the manifest has no photo, or the model has not been scored.
    """
    decoding = read_json(decoding_file(bundle))
    photo = _example(photos)
    example = pd.DataFrame({"photo": [read_bytes(photo.uri)]})
    client = MlflowClient()
    run = client.get_run(run_id)
    model = client.create_logged_model(
        run.info.experiment_id,
        name="captioner",
        source_run_id=run_id,
        tags={**ownership_tags(), MLFLOW_RUN_NOTE: _NOT_YET},
        params=run.data.params,
    )
    with (
        deleted_on_error(client, model.model_id),
        TemporaryDirectory(prefix="captionflow-") as folder,
    ):
        copy = Path(shutil.copytree(bundle, Path(folder) / "bundle"))
        # Not `mlflow.pyfunc.log_model`, which needs an active run: the finished run would be marked
        # as running, and remain so if this process were killed.
        Model.log(
            artifact_path=None,
            flavor=_UntriedPyfunc,
            validate_serving_input=False,
            run_id=run_id,
            model_id=model.model_id,
            python_model=str(Path(__file__).with_name("model_code.py")),
            artifacts={"bundle": str(copy)},
            code_paths=[str(_code(Path(folder)))],
            pip_requirements=_requirements(bundle),
            signature=_signature(decoding),
            input_example=example,
        )
    return str(model.model_id)


def _requirements(bundle: Path) -> list[str]:
    onnx = _ONNX_REQUIREMENTS if (bundle / ENCODER_ONNX_FILE).exists() else ()
    # onnxruntime is also distributed under other names, such as onnxruntime-gpu.
    names = [library_distributions()[name][0] for name in onnx]
    return [f"{name}=={version(name)}" for name in sorted([*_REQUIREMENTS, *names])]


def _signature(decoding: Mapping[str, int | float]) -> ModelSignature:
    beam_width = int(decoding["beam_width"])
    return ModelSignature(
        # Bytes, base64 or pixels: MLflow has no narrower type for all three.
        inputs=Schema([ColSpec(AnyType(), "photo")]),
        outputs=Schema(
            [
                ColSpec(DataType.string, "caption"),
                ColSpec(DataType.double, "score"),
                ColSpec(DataType.double, "confidence"),
                ColSpec(DataType.string, "certainty"),
                ColSpec(DataType.string, "doubt"),
                ColSpec(Array(Object(_CAPTION_FIELDS)), "alternatives"),
            ]
        ),
        params=ParamSchema(
            [
                ParamSpec("beam_width", DataType.long, beam_width),
                ParamSpec("alternatives", DataType.long, 0),
            ]
        ),
    )


def _code(folder: Path) -> Path:
    # Only what the model needs: uploading a file takes at least one request.
    source, target = Path(components.__file__).parent, folder / "components"
    # Presets are settings of a run: the model has its own.
    ignored = shutil.ignore_patterns("__pycache__", "presets")
    for package in _CODE:
        shutil.copytree(source / package, target / package, ignore=ignored)
    for file in ("__init__.py", "errors.py", "markers.py"):
        shutil.copy(source / file, target)
    return target


def _example(photos: Sequence[Photo]) -> Photo:
    if not photos:
        raise DataError("The manifest must have at least one photo. Received: none")
    return next((photo for photo in photos if photo.split == "test"), photos[0])
