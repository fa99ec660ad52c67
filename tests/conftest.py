"""Fixtures for all tests: MLflow stores, one shared run of the pipeline, restored logging.

`make test` distributes files over processes. The slowest files start first, so that none of them is
left over at the end, and files that use the shared run stay in one process.
"""

import io
import logging
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

# Files that use `small_run`; in one process they share it.
_ON_SMALL_RUN = (
    "tests/pipeline/local/test_damage.py",
    "tests/pipeline/local/test_run.py",
    "tests/notebooks/test_as_run.py",
    "tests/components/rescore/",
    "tests/components/register/test_version_page.py",
    "tests/infra/mlflow_server/",
)
_SLOWEST = (
    *_ON_SMALL_RUN,
    "tests/components/train/",
    "tests/components/register/",
    "tests/test_house.py",
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # The command line can't set this order: pytest treats `tests/x tests` as `tests`.
    def rank(item: pytest.Item) -> int:
        starts = [number for number, name in enumerate(_SLOWEST) if item.nodeid.startswith(name)]
        return starts[0] if starts else len(_SLOWEST)

    if hasattr(config, "workerinput"):
        items.sort(key=rank)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            if nodeid.startswith(_ON_SMALL_RUN):
                return "small_run"
            return str(super()._split_scope(nodeid))

    return Scheduling(config, log) if config.getvalue("dist") == "loadscope" else None


@pytest.fixture(scope="session")
def small_settings() -> dict[str, Any]:
    """Drawn scenes, a small encoder, few epochs."""
    return {
        "scenes": 48, "encoder": "MobileNetV3Small", "units": 32, "epochs": 2, "floors": "",
    }  # fmt: skip


@pytest.fixture(scope="session")
def small_run(
    small_settings: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Any, str]:
    """The summary of a whole run with these settings, and everything that it printed.

    Tests may run more in its work folder, as long as that stays true for others: no newer data.
    """
    from rich.console import Console

    from pipeline.config import make_settings
    from pipeline.local.run import run_pipeline
    from pipeline.local.summary import show_summary

    # A realistic name, with a space.
    root, shown = tmp_path_factory.mktemp("small") / "my 'runs'", io.StringIO()
    console = Console(file=shown, width=200)
    with pytest.MonkeyPatch.context() as patch:
        # Set, so that it is restored; empty, so that the run uses the store in its work folder.
        patch.setenv("MLFLOW_TRACKING_URI", "")
        summary = run_pipeline(make_settings("sample", small_settings), root, console=console)
        show_summary(summary, console)
    return summary, shown.getvalue()


# Module scope, since Playwright keeps an event loop running in this thread.
@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Headless Chromium, driven by Playwright; it can only reach the loopback address."""
    from playwright.sync_api import sync_playwright

    names = ("chromium", "chromium-browser", "google-chrome")
    program = next(filter(None, map(shutil.which, names)), None)
    if program is None:
        pytest.skip(f"no browser is installed: none of {', '.join(names)}")
    flags = ["--disable-background-networking", "--disable-component-update"]
    flags += ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=flags)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def mlflow_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # MLflow takes seconds to create its tables, so this happens once for all tests.
    from components.registry.client import local_tracking_uri, mlflow_client

    root = tmp_path_factory.mktemp("mlflow")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", local_tracking_uri(root))
        with mlflow_client():
            return root / "mlflow.db"


@pytest.fixture
def mlflow_root(mlflow_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A work folder with an empty store, to which MLFLOW_TRACKING_URI is set."""
    from components.registry.client import local_tracking_uri

    # A realistic name: with a space, a letter that is not ASCII, and a percent sign.
    root = tmp_path / "my rüns 100%"
    root.mkdir()
    shutil.copy(mlflow_database, root / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", local_tracking_uri(root))
    return root


@pytest.fixture(autouse=True)
def logging_put_back() -> Iterator[None]:
    # A step in this process logs to a standard output that pytest closes.
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


# What our commands and components set or read. Libraries set other variables when imported.
_OUR_VARIABLES = ("CAPTIONFLOW_", "KFP_", "KF_PIPELINES_", "MALLOC_", "MLFLOW_")


@pytest.fixture(autouse=True)
def environment_put_back() -> Iterator[None]:
    # A command sets variables for its process. In a test that process is pytest's, and the next
    # test would use the MLflow store of this one.
    before = _our_environment()
    yield
    for name in _our_environment().keys() - before:
        del os.environ[name]
    os.environ.update(before)


def _our_environment() -> dict[str, str]:
    return {name: text for name, text in os.environ.items() if name.startswith(_OUR_VARIABLES)}


@pytest.fixture(scope="session")
def calibration() -> Any:
    """A calibration with the confidence 0.73 for every caption of every photo."""
    from components.captioning.inference.confidence import SIGNALS, Calibration

    constant = {"mean": 0.0, "scale": 1.0, "coefficient": 0.0}
    return Calibration.model_validate(
        {
            "intercept": 1.0, **dict.fromkeys(SIGNALS, constant), "min_familiarity": -1e9,
            "good_cider_d": 30.0, "photos": 2, "good": 1, "drawn_scenes": False,
        }
    )  # fmt: skip


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory, calibration: Any) -> Path:
    """A bundle with its encoder, both untrained; captions differ from photo to photo."""
    import numpy as np

    from components.captioning.decoding.reranking import RerankerData
    from components.captioning.decoding.search import DecodingConfig
    from components.captioning.encoder.encoder import Encoder
    from components.captioning.inference.bundle import Bundle
    from components.captioning.model.decoder import ModelConfig
    from components.captioning.model.ensemble import build_network
    from components.captioning.model.vocabulary import SPECIAL_TOKENS, Vocabulary

    directory = tmp_path_factory.mktemp("tiny") / "bundle"
    directory.mkdir()
    encoder = Encoder.build("MobileNetV3Small", "random")
    encoder.save(directory)
    vocabulary = Vocabulary([*SPECIAL_TOKENS, "a", "red", "blue", "circle"])
    width = encoder.spec.width
    config = ModelConfig(len(vocabulary), width, 4, 8, 0.0, True)
    decoding = DecodingConfig(beam_width=2, length_penalty=1.0, max_words=5)
    # Train captions with these make it sure of a caption that repeats a word.
    repetitions = tuple(" ".join([word] * 6) for word in vocabulary.words[len(SPECIAL_TOKENS) :])
    reranker_data = RerankerData(np.zeros((1, width), np.float16), [repetitions])
    network = build_network(config, seed=1)
    Bundle(network, vocabulary, decoding, reranker_data, calibration).save(directory)
    return directory


@pytest.fixture(scope="session")
def dim_bundle(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with an encoder whose features of bright photos overflow float16."""
    import keras
    import numpy as np

    from components.artifacts.checksums import write_checksums
    from components.artifacts.files import ENCODER_WEIGHTS_FILE
    from components.captioning.encoder.backbones import find_backbone
    from components.captioning.encoder.encoder import Encoder

    directory = shutil.copytree(tiny_bundle, tmp_path_factory.mktemp("dim") / "bundle")
    levels = [np.full((224, 224, 3), level, np.uint8) for level in (120, 255)]
    seen = np.abs(Encoder.load(directory).encode(np.stack(levels))).max(axis=1)
    model = find_backbone("MobileNetV3Small").build()
    model.load_weights(directory / ENCODER_WEIGHTS_FILE)
    last = [each for each in model.layers if isinstance(each, keras.layers.BatchNormalization)][-1]
    # Scaled so that one photo is as far below float16's maximum as the other is above it.
    last.gamma.assign(last.gamma * 65504 / np.sqrt(np.prod(seen)))
    overflow = str(directory.with_name("overflow.weights.h5"))
    model.save_weights(overflow)
    Encoder.build("MobileNetV3Small", overflow).save(directory)
    write_checksums(directory)
    return directory


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """Returns a function that finds a free port of this machine."""

    def find() -> int:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            return int(listener.getsockname()[1])

    return find


@pytest.fixture
def dead_mlflow(free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch) -> str:
    """The error for MLFLOW_TRACKING_URI, which is set to a server that does not run."""
    port = free_port()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://ann:secret@127.0.0.1:{port}")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    return (
        f"MLflow at http://127.0.0.1:{port} does not respond. Start the server, or set "
        "MLFLOW_TRACKING_URI to one that is running"
    )


def _serve(command: list[str], port: int) -> Iterator[str]:
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            if process.poll() is not None:
                raise RuntimeError(f"{command} ended with {process.returncode}")
            try:
                requests.get(address, timeout=30)
                break
            except requests.ConnectionError:
                time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(scope="session")
def google_emulator(free_port: Callable[[], int]) -> Iterator[str]:
    """The address of a Cloud Storage emulator, a process of its own."""
    port = free_port()
    command = [sys.executable, "-m", "gcp_storage_emulator", "start", "--in-memory", "--quiet"]
    yield from _serve([*command, "--host", "127.0.0.1", "--port", str(port)], port)


@pytest.fixture(scope="session")
def s3_server(free_port: Callable[[], int]) -> Iterator[str]:
    """The address of an S3 server in a process of its own."""
    port = free_port()
    yield from _serve([sys.executable, "-m", "moto.server", "--port", str(port)], port)


@pytest.fixture
def bucket(google_emulator: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The empty bucket `runs` in Cloud Storage, through Google's own client."""
    from google.cloud import storage

    monkeypatch.setenv("STORAGE_EMULATOR_HOST", google_emulator)
    requests.get(f"{google_emulator}/wipe", timeout=30).raise_for_status()
    return storage.Client(project="test").create_bucket("runs")


@pytest.fixture
def s3_bucket(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The empty bucket `runs` in S3, through Amazon's own client."""
    import boto3

    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    requests.post(f"{s3_server}/moto-api/reset", timeout=30).raise_for_status()
    bucket = boto3.resource("s3").Bucket("runs")
    bucket.create()
    return bucket


@dataclass
class Store:
    """A bucket or folder, which tests write and read without our own code.

    Attributes:
        uri: Its address: `gs://runs`, `s3://runs`, or a local folder.
        kind: gs, s3 or file.
        client: Google's or Amazon's bucket, or the folder.
    """

    uri: str
    kind: str
    client: Any

    def write(self, name: str, content: bytes) -> None:
        """Writes an object or file."""
        if self.kind == "gs":
            self.client.blob(name).upload_from_string(content)
        elif self.kind == "s3":
            self.client.put_object(Key=name, Body=content)
        else:
            path = self.client / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    def content(self) -> dict[str, bytes]:
        """Returns all objects or files."""
        if self.kind == "gs":
            # Not from the listing, whose links contain unquoted names in the emulator.
            names = [blob.name for blob in self.client.list_blobs()]
            return {name: self.client.blob(name).download_as_bytes() for name in names}
        if self.kind == "s3":
            return {each.key: each.get()["Body"].read() for each in self.client.objects.all()}
        return {
            path.relative_to(self.client).as_posix(): path.read_bytes()
            for path in self.client.rglob("*")
            if path.is_file()
        }


def _make(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if kind == "file":
        (tmp_path / "runs").mkdir()
        return Store(str(tmp_path / "runs"), kind, tmp_path / "runs")
    client = request.getfixturevalue({"gs": "bucket", "s3": "s3_bucket"}[kind])
    return Store(f"{kind}://runs", kind, client)


@pytest.fixture(params=["file", "gs", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty folder or bucket `runs`."""
    return _make(request.param, request, tmp_path)


@pytest.fixture(params=["gs", "s3"])
def remote(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty bucket `runs`."""
    return _make(request.param, request, tmp_path)
