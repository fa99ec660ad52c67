"""The registered model as `mlflow models serve` answers for it over HTTP."""

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

from components.captioning.inference.captioner import Captioner
from components.registry.client import local_tracking_uri

Post = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def served(
    first: dict[str, Path],
    free_port: Callable[[], int],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """The address of a champion that is served; what registered it is gone by then."""
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
        # The server is a child of the command.
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


def _said(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    predictions: list[dict[str, Any]] = answer.json()["predictions"]
    return predictions


def test_served_model_tells_of_each_photo_a_caption_and_its_score(
    post: Post, photos: dict[str, bytes], first: dict[str, Path]
) -> None:
    told = _said(post(*photos.values()))
    assert [each["caption"] for each in told] == Captioner(first["model"]).describe(
        list(photos.values())
    )
    assert all(each["score"] < 0 and each["alternatives"] == [] for each in told)
    assert [sorted(each) for each in told] == [["alternatives", "caption", "score"]] * 2


def test_served_model_tells_alternatives_if_asked(post: Post, photos: dict[str, bytes]) -> None:
    (told,) = _said(post(photos["red.png"], beam_width=4, alternatives=2))
    others = told["alternatives"]
    scores = [told["score"], *(other["score"] for other in others)]
    assert len(scores) == 3 and scores == sorted(scores, reverse=True)
    assert len({told["caption"], *(other["caption"] for other in others)}) == 3
    # Null is no wish.
    assert _said(post(photos["red.png"], beam_width=None, alternatives=None)) == _said(
        post(photos["red.png"])
    )


def test_served_model_refuses_a_parameter_that_breaks_its_rule(
    post: Post, photos: dict[str, bytes]
) -> None:
    answer = post(photos["red.png"], alternatives=2)
    assert answer.status_code == 400
    assert answer.json()["message"] == (
        "alternatives must be 0 or more, and below the beam_width 2. Received: 2"
    )


def test_served_model_describes_photos_of_any_mode(post: Post, odd_photo: bytes) -> None:
    assert _said(post(odd_photo))[0]["caption"]


def test_served_model_sees_a_turned_photo_as_people_do(post: Post, turned: Any) -> None:
    upright, tagged, untagged = _said(post(*turned))
    assert tagged == upright != untagged


def test_served_model_tells_in_a_line_what_is_no_photo_and_describes_the_next(
    post: Post, photos: dict[str, bytes], no_photo: tuple[bytes, str]
) -> None:
    content, told = no_photo
    answer = post(photos["red.png"], content)
    assert answer.status_code == 400
    message = answer.json()["message"]
    assert message.startswith(
        f"Row 1 of `photo` can't be used: a photo of {len(content)} bytes can't be read as a "
        f"photo: {told}"
    )
    assert "\n" not in message
    assert _said(post(photos["red.png"]))[0]["caption"]
