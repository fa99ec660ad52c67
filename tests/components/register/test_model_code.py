"""The registered model, as MLflow loads it."""

import base64
import hashlib
import io
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import PythonModelContext
from PIL import Image

from components.captioning.inference.captioner import Captioner
from components.register import model_code
from components.registry.client import local_tracking_uri


@pytest.fixture(scope="module")
def loaded(first: dict[str, Path]) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", local_tracking_uri(first["model"].parent))
        return mlflow.pyfunc.load_model("models:/captioner@champion")


def _pixels(photo: bytes) -> Any:
    return np.asarray(Image.open(io.BytesIO(photo)).convert("RGB"))


def test_predict_bytes_base64_and_pixels_give_the_same_caption(
    loaded: Any, photos: dict[str, bytes], captioner: Any
) -> None:
    photo = photos["grey.png"]
    texts = [base64.b64encode(photo).decode(), base64.encodebytes(photo).decode()]
    kinds = [photo, *texts, _pixels(photo), _pixels(photo).tolist()]
    predicted = loaded.predict(pd.DataFrame({"photo": kinds}))
    assert set(predicted["caption"]) == set(captioner.describe([photo]))
    assert predicted["score"].nunique() == 1
    assert set(predicted["confidence"]) == {0.7311}
    assert set(predicted["certainty"]) == {"likely"}
    assert set(predicted["doubt"]) == {""}


@pytest.mark.usefixtures("store")
def test_load_model_with_a_damaged_bundle_names_the_file(
    first: dict[str, Path], tmp_path: Path
) -> None:
    logged = mlflow.artifacts.download_artifacts("models:/captioner@champion", dst_path=tmp_path)
    (vocabulary,) = Path(logged).rglob("vocabulary.txt")
    content = vocabulary.read_bytes()
    vocabulary.write_bytes(content.replace(b"red", b"rod"))
    expected, found = (
        hashlib.sha256(each).hexdigest() for each in (content, vocabulary.read_bytes())
    )
    with pytest.raises(Exception, match=rf"vocabulary\.txt is damaged.*{expected}.*{found}"):
        mlflow.pyfunc.load_model(logged)
    # MLflow's own files are not part of the bundle.
    vocabulary.write_bytes(content)
    (Path(logged) / "registered_model_meta").write_text("model_name: captioner")
    assert mlflow.pyfunc.load_model(logged)


def test_predict_keeps_the_index_over_several_batches(
    loaded: Any, photos: dict[str, bytes]
) -> None:
    several = [photos["red.png"], *[photos["grey.png"]] * 33]
    predicted = loaded.predict(pd.DataFrame({"photo": several}, index=range(5, 39)))
    assert predicted.index.tolist() == list(range(5, 39))
    assert predicted["caption"][5] != predicted["caption"][6]
    assert predicted["caption"][6:].nunique() == 1


def test_predict_returns_alternatives_on_request(loaded: Any, photos: dict[str, bytes]) -> None:
    table = pd.DataFrame({"photo": [photos["red.png"]]})
    alone = loaded.predict(table)
    assert alone["alternatives"].tolist() == [[]]
    predicted = loaded.predict(table, params={"beam_width": 4, "alternatives": 2})
    others = predicted["alternatives"][0]
    assert [sorted(other) for other in others] == [["caption", "score"]] * 2
    scores = [predicted["score"][0], *(other["score"] for other in others)]
    assert scores == sorted(scores, reverse=True)
    assert len({predicted["caption"][0], *(other["caption"] for other in others)}) == 3


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"beam_width": 0}, r"beam_width must be 1 to 100\. Received: 0"),
        ({"beam_width": 101}, r"beam_width must be 1 to 100\. Received: 101"),
        ({"alternatives": 2}, r"alternatives must .* below the beam_width 2\. Received: 2"),
        ({"alternatives": -1}, r"alternatives must be 0 or more, .* Received: -1"),
    ],
)
def test_predict_invalid_parameter_is_an_error(
    params: dict[str, int], message: str, loaded: Any, photos: dict[str, bytes]
) -> None:
    with pytest.raises(MlflowException, match=message):
        loaded.predict(pd.DataFrame({"photo": [photos["red.png"]]}), params=params)


def test_predict_unreadable_photo_names_its_row(loaded: Any, photos: dict[str, bytes]) -> None:
    rows = pd.DataFrame({"photo": [photos["red.png"], b"no photo", photos["grey.png"]]})
    with pytest.raises(MlflowException, match=r"Row 1 of `photo` can't be used: .* 8 bytes"):
        loaded.predict(rows)


def test_predict_path_object_is_opened(
    loaded: Any, photos: dict[str, bytes], tmp_path: Path
) -> None:
    for name in ("red.png", "grey.png"):
        (tmp_path / name).write_bytes(photos[name])
    paths = [tmp_path / "red.png", tmp_path / "grey.png"]
    predicted = loaded.predict(pd.DataFrame({"photo": paths}))
    content = loaded.predict(pd.DataFrame({"photo": [photos["red.png"], photos["grey.png"]]}))
    assert predicted.equals(content)
    with pytest.raises(MlflowException, match=r"Row 0 .*gone\.png can't be read"):
        loaded.predict(pd.DataFrame({"photo": [tmp_path / "gone.png"]}))


def test_predict_path_as_text_is_not_opened(loaded: Any, artifacts: dict[str, Path]) -> None:
    path = str(artifacts["manifest"] / "photos" / "red.png")
    for text in (path, "https://127.0.0.1/red.png"):
        with pytest.raises(MlflowException, match=r"Row 0 of `photo` .* file in base64\. Received"):
            loaded.predict(pd.DataFrame({"photo": [text]}))


@pytest.mark.parametrize(
    ("pixels", "received"),
    [
        (np.zeros((4, 4, 3)), r"float64 \[4, 4, 3\]"),
        (np.zeros((4, 4), np.uint8), r"uint8 \[4, 4\]"),
        (np.full((4, 4, 3), 256), r"int64 \[4, 4, 3\]"),
        ([[1, 2], [3]], "setting an array element"),
        ([], r"float64 \[0\]"),
    ],
)
def test_predict_invalid_pixels_are_an_error(pixels: Any, received: str, loaded: Any) -> None:
    with pytest.raises(MlflowException, match=rf"integers, 0 to 255, .* Received: {received}"):
        loaded.predict(pd.DataFrame({"photo": [pixels]}))


def test_predict_photo_that_the_model_cant_caption_names_its_row(
    dim_bundle: Path,
) -> None:
    model = model_code.CaptioningModel()
    model.load_context(PythonModelContext({"bundle": str(dim_bundle)}, None))
    context: Any = None
    grey, white = (np.full((8, 8, 3), level).tolist() for level in (120, 255))
    assert len(model.predict(context, pd.DataFrame({"photo": [grey]}))) == 1
    with pytest.raises(MlflowException, match=r"^Row 1 of `photo` can't be used: this model can't"):
        model.predict(context, pd.DataFrame({"photo": [grey, white]}))


def test_load_context_warms_the_model_up(dim_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # TensorFlow compiles at the first photo, and MLflow's server ends requests after 60 s.
    widths = []
    warm_up = Captioner.warm_up

    def spy(captioner: Captioner, *, beam_width: int) -> Any:
        widths.append(beam_width)
        return warm_up(captioner, beam_width=beam_width)

    monkeypatch.setattr(Captioner, "warm_up", spy)
    model_code.CaptioningModel().load_context(PythonModelContext({"bundle": str(dim_bundle)}, None))
    assert widths == [2]


def test_predict_photos_over_the_limits_are_refused_before_they_are_decoded(loaded: Any) -> None:
    pixels = np.broadcast_to(np.uint8(0), (64_001, 1_000, 3))
    text = "A" * (90 << 20)
    for photo, limit in ((pixels, "64000000 pixels"), (text, "67108864 bytes")):
        with pytest.raises(MlflowException, match=rf"Row 0 of `photo` .* {limit}"):
            loaded.predict(pd.DataFrame({"photo": [photo]}))
