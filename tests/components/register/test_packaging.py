import base64
import json
import os
import re
import subprocess
import sys
import sysconfig
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlflow
import pytest

from components.artifacts.manifest import read_manifest
from components.captioning.inference.captioner import Captioner
from components.errors import DataError
from components.register.packaging import log_bundle
from components.registry.client import local_tracking_uri
from components.registry.runs import start_run

# Run in a process that can import this package from the registered model only; without collections,
# since importing is most of its work.
_LOAD_ELSEWHERE = """
import ast, base64, gc, importlib.metadata, json, sys
gc.disable()
import mlflow, pandas

uri, photos = sys.argv[1], [base64.b64decode(photo) for photo in sys.argv[2:]]
try:
    import components
    raise SystemExit(f"the package can be imported without the model: {components.__file__}")
except ModuleNotFoundError:
    pass
captions = mlflow.pyfunc.load_model(uri).predict(pandas.DataFrame({"photo": photos}))["caption"]
ours = [module for name, module in sys.modules.items() if name.split(".")[0] == "components"]
files = [module.__file__ for module in ours]
imported = set()
for file in files:
    for node in ast.parse(open(file).read()).body:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) else []
        imported |= {name.split(".")[0] for name in names}
owners = importlib.metadata.packages_distributions()
needed = {owner for name in imported - {"components"} for owner in owners.get(name, [])}
print(json.dumps({"captions": list(captions), "files": files, "needed": sorted(needed)}))
"""


@pytest.fixture(scope="module")
def store(first: dict[str, Path]) -> str:
    return local_tracking_uri(first["model"].parent)


@pytest.fixture(scope="module")
def logged(store: str) -> Path:
    """The files of the registered model."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", store)
        return Path(mlflow.artifacts.download_artifacts("models:/captioner@champion"))


@pytest.fixture(scope="module")
def logged_with_keras(
    store: str, keras_bundle: Path, artifacts: dict[str, Path]
) -> tuple[str, Path]:
    """The same model with an encoder that Keras computes: its URI, and its files."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", store)
        run_id = start_run("keras", "first", {})
        uri = f"models:/{log_bundle(keras_bundle, read_manifest(artifacts['manifest']), run_id)}"
        return uri, Path(mlflow.artifacts.download_artifacts(uri))


@pytest.fixture(scope="module")
def loaded(logged: Path) -> Any:
    return mlflow.pyfunc.load_model(str(logged))


def test_log_bundle_holds_no_pickle(logged: Path) -> None:
    files = [file for file in logged.rglob("*") if file.is_file()]
    assert "model_code.py" in {file.name for file in files}
    assert not [file for file in files if file.suffix in {".pkl", ".pickle", ".pyc", ".joblib"}]


def test_log_bundle_holds_the_code_that_it_needs_and_no_presets(logged: Path) -> None:
    code = logged / "code" / "components"
    folders = {folder.name for folder in code.iterdir() if folder.is_dir()}
    assert folders - {"__pycache__"} == {"captioning", "artifacts", "settings"}
    assert (code / "settings" / "bounds.py").exists()
    assert not list(code.rglob("presets*"))


def test_log_bundle_pins_its_requirements(
    logged: Path, logged_with_keras: tuple[str, Path]
) -> None:
    for folder in (logged, logged_with_keras[1]):
        lines = (folder / "requirements.txt").read_text().split()
        assert f"tensorflow=={version('tensorflow')}" in lines
        assert all(re.fullmatch(r"[a-z0-9-]+==[0-9.]+", line) for line in lines)
        # Only an encoder from ONNX needs them.
        for name in ("onnx", "onnxruntime"):
            assert (f"{name}=={version(name)}" in lines) == (folder == logged)


def test_log_bundle_has_signature_and_example(
    logged: Path, loaded: Any, photos: dict[str, bytes]
) -> None:
    signature = loaded.metadata.signature
    assert str(signature.inputs) == "['photo': Any (required)]"
    assert [column.name for column in signature.outputs] == [
        "caption",
        "score",
        "confidence",
        "certainty",
        "doubt",
        "alternatives",
    ]
    assert {each.name: each.default for each in signature.params} == {
        "beam_width": 2,
        "alternatives": 0,
    }
    example = loaded.metadata.load_input_example(str(logged))
    # MLflow stores bytes as base64 with a newline.
    (encoded,) = example["photo"]
    assert base64.b64decode(encoded) == photos["red.png"]


def test_registered_model_loads_outside_this_repository(
    store: str,
    logged_with_keras: tuple[str, Path],
    keras_bundle: Path,
    first: dict[str, Path],
    photos: dict[str, bytes],
    tmp_path: Path,
) -> None:
    uri, logged = logged_with_keras
    # -S: ignore an editable installation of this package.
    command = [sys.executable, "-P", "-S", "-c", _LOAD_ELSEWHERE]
    encoded = [base64.b64encode(photo).decode() for photo in photos.values()]
    environment = {
        "PYTHONPATH": sysconfig.get_path("purelib"),
        "MLFLOW_TRACKING_URI": store,
    }
    result = subprocess.run(
        [*command, uri, *encoded],
        cwd=tmp_path,
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr + result.stdout
    report = json.loads(result.stdout.splitlines()[-1])
    captions = Captioner(keras_bundle).describe(list(photos.values()))
    assert report["captions"] == captions
    assert captions[0] and captions[0] != captions[1]
    models = first["model"].parent / "mlartifacts" / "models"
    assert all(Path(file).is_relative_to(models) for file in report["files"])
    lines = (logged / "requirements.txt").read_text().split()
    assert set(report["needed"]) <= {line.partition("==")[0] for line in lines}


@pytest.mark.usefixtures("mlflow_root")
def test_log_bundle_without_a_photo_is_an_error(artifacts: dict[str, Path]) -> None:
    run_id = start_run("photos", "first", {})
    with pytest.raises(DataError, match="must have at least one photo"):
        log_bundle(artifacts["model"], [], run_id)
