import io
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from pipeline.cli.app import app

PROJECT = Path(__file__).parents[3]

# Starts the command with a bundle; returns the process and the page's address.
Start = Callable[[Path], tuple[Any, str]]


def _invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["demo", "--no-browser", *map(str, arguments)])


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts the command in an empty folder, with a browser that records the page that it opens."""
    for name in ("here", "temporary"):
        (tmp_path / name).mkdir()
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/opened\n')
    browser.chmod(0o755)
    started = []

    def start(bundle: Path) -> tuple[Any, str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline.cli", "demo", "--bundle", str(bundle)],
            cwd=tmp_path / "here",
            env={
                **os.environ, "PYTHONPATH": str(PROJECT), "TMPDIR": str(tmp_path / "temporary"),
                "BROWSER": f"{browser} %s",
            },
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        started.append(process)
        line = process.stdout.readline() if process.stdout else ""
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert found, line
        return process, found.group()

    yield start
    for process in started:
        process.kill()
        process.wait()


def _end(process: Any, number: signal.Signals) -> None:
    process.send_signal(number)
    assert process.wait(60) == 0
    assert process.stderr.read() == ""


def _files(folder: Path) -> list[Path]:
    return [path for name in ("here", "temporary") for path in (folder / name).rglob("*")]


def test_demo_opens_a_page_that_captions_and_saves_nothing(
    start: Start, tiny_bundle: Path, tmp_path: Path
) -> None:
    process, url = start(tiny_bundle)
    page = httpx.get(url)
    # The page is served before the model is loaded.
    early = httpx.get(f"{url}/status").json()
    assert "Describe a photo" in page.text and early == {"ready": False}
    buffer = io.BytesIO()
    Image.linear_gradient("L").save(buffer, "PNG")
    response = httpx.post(f"{url}/captions?name=grey.png", content=buffer.getvalue(), timeout=300)
    assert response.status_code == 200
    # The tiny model has a beam width of 2.
    assert response.json()["caption"] and len(response.json()["alternatives"]) == 1
    rejected = httpx.post(f"{url}/captions?name=x.png", content=b"no photo")
    assert rejected.status_code == 422
    assert (tmp_path / "opened").read_text() == f"{url}\n"
    _end(process, signal.SIGINT)
    assert _files(tmp_path) == []


def test_demo_stops_while_a_photo_waits_for_the_model_to_load(
    start: Start, tiny_bundle: Path, tmp_path: Path
) -> None:
    # TensorFlow alone takes seconds.
    process, url = start(tiny_bundle)
    assert httpx.get(f"{url}/status").json() == {"ready": False}
    address = httpx.URL(url)
    with socket.create_connection((address.host, address.port), timeout=60) as waiting:
        head = (
            f"POST /captions HTTP/1.1\r\nHost: {address.netloc.decode()}\r\nContent-Length: 5\r\n"
        )
        waiting.sendall(f"{head}Expect: 100-continue\r\n\r\n".encode())
        assert b" 100 " in waiting.recv(10_000)
        waiting.sendall(b"photo")
        # After this response, the server has read the other request.
        assert httpx.get(f"{url}/status").json() == {"ready": False}
        _end(process, signal.SIGTERM)
        answer = b"".join(iter(lambda: waiting.recv(10_000), b""))
    assert b" 503 " in answer and b"The service was stopped" in answer
    assert _files(tmp_path) == []


def test_demo_without_runs_names_the_command(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", "")
        ended = _invoke("--root", tmp_path / "runs")
    assert ended.exit_code == 3
    assert ended.stderr.startswith("captionflow: There are no runs in MLflow at sqlite:")
    assert "captionflow run" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_demo_with_an_unreachable_registry_fails(dead_mlflow: str) -> None:
    ended = _invoke()
    assert (ended.exit_code, ended.stderr) == (1, f"captionflow: {dead_mlflow}\n")


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--alternatives", "2"), 2, "--alternatives must be less than the beam width 2"),
        (("--bundle", "nowhere"), 3, "nowhere must be a complete model bundle"),
        (("--model-name", ""), 2, "model_name must be"),
    ],
)
def test_demo_with_a_wrong_option_names_it(
    options: tuple[str, ...], code: int, message: str, tiny_bundle: Path
) -> None:
    ended = _invoke("--bundle", tiny_bundle, *options)
    assert (ended.exit_code, ended.stdout) == (code, "")
    assert ended.stderr.startswith(f"captionflow: {message}")
    assert len(ended.stderr.splitlines()) == 1


def test_demo_on_a_taken_port_fails(tiny_bundle: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = _invoke("--bundle", tiny_bundle, "--port", port)
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert ended.stderr == (
        "captionflow: --port must be a free port that this user may open. "
        f"Received: {port} (Address already in use)\n"
    )


def test_demo_with_an_incomplete_model_fails(tmp_path: Path) -> None:
    (tmp_path / "decoding.json").write_text('{"beam_width": 2}')
    ended = _invoke("--bundle", tmp_path)
    assert ended.exit_code == 3
    assert ended.stderr.startswith(f"captionflow: {tmp_path} must be a complete model bundle")
    assert len(ended.stderr.splitlines()) == 1
