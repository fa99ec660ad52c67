"""The container's command, run as a process as the kubelet would start and probe it."""

import base64
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from components.describing.serving.model_source import open_source

PROJECT = Path(__file__).parents[3]


def _probe(container: Any, name: str, port: int) -> int:
    probe = container[name]
    path, seconds = probe["httpGet"]["path"], probe["timeoutSeconds"]
    try:
        return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=seconds).status_code
    except httpx.TransportError:
        return 0


def test_container_starts_is_probed_captions_and_stops(
    predictor_of: Any, registry: Path, free_port: Callable[[], int], tmp_path: Path
) -> None:
    (container,) = predictor_of("base")["containers"]
    (declared,) = (each["containerPort"] for each in container["ports"])
    # Only the port is another one, since that of the container may be taken here.
    port = free_port()
    args = [each.replace(f"--port={declared}", f"--port={port}") for each in container["args"]]
    assert args != container["args"]
    program, *more = container["command"]
    folders = {entry["name"]: str(tmp_path) for entry in container["env"]}
    process = subprocess.Popen(
        [Path(sys.executable).with_name(program), *more, *args],
        cwd=tmp_path,
        env={**os.environ, **folders, "PYTHONPATH": str(PROJECT)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        startup = container["startupProbe"]
        end = time.monotonic() + startup["periodSeconds"] * startup["failureThreshold"]
        seen = set()
        while (status := _probe(container, "startupProbe", port)) != 200:
            seen.add(status)
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < end
            time.sleep(0.1)
        assert seen == {0, 503} or seen == {503}
        assert _probe(container, "readinessProbe", port) == 200
        assert _probe(container, "livenessProbe", port) == 200
        photo = base64.b64encode((registry / "red.png").read_bytes()).decode()
        answer = httpx.post(
            f"http://127.0.0.1:{port}/invocations", json={"inputs": [{"photo": photo}]}, timeout=60
        )
        assert answer.status_code == 200 and answer.json()["predictions"][0]["caption"]
        version = httpx.get(f"http://127.0.0.1:{port}/version").json()
        assert (version["model"], version["version"]) == ("captionflow-sample", "1")
        metrics = httpx.get(f"http://127.0.0.1:{port}/metrics").text
        assert 'captionflow_model_info{model="captionflow-sample",version="1"} 1.0' in metrics
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
        assert (process.returncode, errors) == (0, "")
    finally:
        process.kill()
        process.wait()


def test_canary_serves_the_candidate(predictor_of: Any, registry: Path) -> None:
    (container,) = predictor_of("canary")["containers"]
    model, *_ = container["args"]
    with open_source(model.removeprefix("--model=")) as opened:
        assert (opened.registered_name, opened.version) == ("captionflow-sample", "2")
        assert (opened.directory / "decoding.json").is_file()
