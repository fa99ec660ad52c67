"""The registered model over HTTP, served by `mlflow models serve`."""

import base64
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from components.registry.client import local_tracking_uri

Post = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def served(
    first: dict[str, Path],
    free_port: Callable[[], int],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """The URL of the served champion; the store is deleted once it runs."""
    root = tmp_path_factory.mktemp("served")
    shutil.copy(first["model"].parent / "mlflow.db", root)
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local"]
    command += ["-m", "models:/captioner@champion", "--host", "127.0.0.1", "--port", str(port)]
    environment = {
        # Where MLflow looks for uvicorn.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "MLFLOW_TRACKING_URI": local_tracking_uri(root),
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    with (root / "log").open("wb") as log:
        server = subprocess.Popen(
            command, cwd=root, env=os.environ | environment, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(address, server, root / "log")
        (root / "mlflow.db").unlink()
        yield address
    finally:
        # The server is a child process of the command.
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _wait(address: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + 300
    while time.monotonic() < end:
        assert server.poll() is None, log.read_text()
        try:
            if httpx.get(f"{address}/ping", timeout=60).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    raise TimeoutError(log.read_text())


@pytest.fixture(scope="module")
def post(served: str) -> Post:
    """Posts photos, each as base64, with parameters."""

    def post(*photos: bytes, **params: int | None) -> httpx.Response:
        rows = [[base64.b64encode(photo).decode()] for photo in photos]
        body = {"dataframe_split": {"columns": ["photo"], "data": rows}, "params": params}
        return httpx.post(f"{served}/invocations", json=body, timeout=120)

    return post


def _predictions(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    predictions: list[dict[str, Any]] = answer.json()["predictions"]
    return predictions


def test_served_model_returns_a_caption_and_score_per_photo(
    post: Post, photos: dict[str, bytes], captioner: Any
) -> None:
    prediction = _predictions(post(*photos.values()))
    assert [each["caption"] for each in prediction] == captioner.describe(list(photos.values()))
    assert all(each["score"] < 0 and each["alternatives"] == [] for each in prediction)
    assert [sorted(each) for each in prediction] == [
        ["alternatives", "caption", "certainty", "confidence", "doubt", "score"]
    ] * 2
    assert {(each["confidence"], each["certainty"], each["doubt"]) for each in prediction} == {
        (0.7311, "likely", "")
    }


def test_served_model_returns_alternatives_on_request(post: Post, photos: dict[str, bytes]) -> None:
    (prediction,) = _predictions(post(photos["red.png"], beam_width=4, alternatives=2))
    others = prediction["alternatives"]
    scores = [prediction["score"], *(other["score"] for other in others)]
    assert len(scores) == 3 and scores == sorted(scores, reverse=True)
    assert len({prediction["caption"], *(other["caption"] for other in others)}) == 3
    # Null means the default.
    assert _predictions(
        post(photos["red.png"], beam_width=None, alternatives=None)
    ) == _predictions(post(photos["red.png"]))


def test_served_model_rejects_an_invalid_parameter(post: Post, photos: dict[str, bytes]) -> None:
    answer = post(photos["red.png"], alternatives=2)
    assert answer.status_code == 400
    message = answer.json()["message"]
    assert message.startswith("alternatives must be") and message.endswith("Received: 2")


def test_served_model_captions_photos_of_any_mode(post: Post, odd_photo: bytes) -> None:
    assert _predictions(post(odd_photo))[0]["caption"]


def test_served_model_applies_exif_orientation(post: Post, turned: Any) -> None:
    upright, tagged, untagged = _predictions(post(*turned))
    assert tagged == upright != untagged


def test_served_model_reports_an_unreadable_photo_in_one_line_and_goes_on(
    post: Post, photos: dict[str, bytes], no_photo: tuple[bytes, str]
) -> None:
    content, reason = no_photo
    answer = post(photos["red.png"], content)
    assert answer.status_code == 400
    message = answer.json()["message"]
    assert message.startswith(
        f"Row 1 of `photo` can't be used: a photo of {len(content)} bytes can't be read as a "
        f"photo: {reason}"
    )
    assert "\n" not in message
    assert _predictions(post(photos["red.png"]))[0]["caption"]
