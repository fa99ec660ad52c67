"""The rendered overlays of infra/kserve, and a registry whose aliases they name."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from manifests import Manifest, only, render
from PIL import Image

from components.registry.client import local_tracking_uri

MODEL = "captionflow-sample"


@pytest.fixture(scope="session", params=["base", "canary"])
def manifests(request: pytest.FixtureRequest) -> list[Manifest]:
    return render(f"kserve/{request.param}")


@pytest.fixture(scope="session")
def predictor_of() -> Callable[[str], Manifest]:
    """Returns a function that gives the predictor of an overlay."""

    def predictor_of(name: str) -> Manifest:
        service = only(render(f"kserve/{name}"), "InferenceService")
        return dict(service["spec"]["predictor"])

    return predictor_of


@pytest.fixture(scope="module")
def registry(
    mlflow_database: Path, tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A work folder whose registry has a champion, version 1, and a candidate, version 2."""
    # A realistic name: with a space, a letter that is not ASCII, and a percent sign.
    root = tmp_path_factory.mktemp("registry") / "my rüns 100%"
    root.mkdir()
    shutil.copy(mlflow_database, root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", local_tracking_uri(root))
        _register(tiny_bundle, root / "red.png")
        yield root


def _register(bundle: Path, file: Path) -> None:
    from mlflow import MlflowClient

    from components.artifacts.manifest import Photo
    from components.register.packaging import log_bundle
    from components.registry.runs import end_run, start_run

    Image.new("RGB", (32, 24), "red").save(file)
    photo = Photo("1", str(file), "0" * 64, 32, 24, "test", ("a red circle",))
    run_id = start_run("photos", "first", {})
    end_run(run_id)
    model_id = log_bundle(bundle, [photo], run_id)
    client = MlflowClient()
    client.create_registered_model(MODEL)
    for alias in ("champion", "candidate"):
        version = client.create_model_version(
            MODEL, f"models:/{model_id}", run_id, model_id=model_id
        ).version
        client.set_registered_model_alias(MODEL, alias, version)
