"""Beam's portable engine: a job service, and worker pools that may see nothing of this machine."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from socket import create_connection
from typing import NamedTuple

import numpy as np
import psutil
import pytest
from PIL import Image

from components.features.extraction import extract_features
from components.ingest.run import ingest_dataset
from components.normalize.normalization import normalize_captions
from components.settings.data import DataSettings
from components.settings.encoder import EncoderSettings

PROJECT = Path(__file__).parents[3]


@dataclass
class Workers:
    """A worker pool, which starts a process for each job.

    Attributes:
        flags: The setting `beam_flags` that has it run a pipeline's transforms.
        process: The pool itself.
    """

    flags: str
    process: subprocess.Popen[bytes]

    def workers(self) -> list[psutil.Process]:
        """Returns the processes that the pool started."""
        return psutil.Process(self.process.pid).children(recursive=True)


@contextmanager
def _server(command: list[str], port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    # Worker pools start `python`.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "PATH": path}
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    try:
        for _ in range(3000):
            if process.poll() is not None:
                raise RuntimeError(f"{command} ended: {log.read_text()}")
            try:
                create_connection(("127.0.0.1", port), timeout=10).close()
                break
            except OSError:
                time.sleep(0.1)
        yield process
    finally:
        with suppress(psutil.NoSuchProcess):
            for child in psutil.Process(process.pid).children(recursive=True):
                child.kill()
        process.kill()
        process.wait()


def _hiding(folders: set[str], command: list[str]) -> list[str]:
    """Returns a command that runs another one with empty folders in the place of these."""
    # A folder in one that is hidden already is no longer there.
    hide = "".join(
        f"if [ -d '{each}' ]; then mount -t tmpfs none '{each}'; fi; " for each in sorted(folders)
    )
    return ["unshare", "-m", "sh", "-c", f'set -e; {hide}cd /; exec "$@"', "sh", *command]


@pytest.fixture(scope="session")
def isolation(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Skips a test where this user can't give a process mounts of its own."""
    command = _hiding({str(tmp_path_factory.mktemp("hidden"))}, ["true"])
    try:
        subprocess.run(command, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"workers can't be given mounts of their own here: {error}")


@pytest.fixture(scope="session")
def job_service(
    free_port: Callable[[], int], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[int]:
    """The port of Beam's portable job service."""
    root, port = tmp_path_factory.mktemp("jobs"), free_port()
    module = "apache_beam.runners.portability.local_job_service_main"
    command = [sys.executable, "-m", module, f"--job_port={port}", f"--staging_dir={root}/staging"]
    with _server(command, port, root / "log") as _:
        yield port


@pytest.fixture
def start_workers(
    job_service: int, free_port: Callable[[], int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Workers]]:
    """Returns a function that starts a worker pool, with this process's environment.

    With `hide`, its workers find empty folders in the place of those, and of the one in which this
    process keeps temporary files. (Not of all temporary files: the interpreter may be one.)
    """
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    with ExitStack() as stack:

        def start(hide: tuple[Path, ...] = ()) -> Workers:
            port = free_port()
            module = "apache_beam.runners.worker.worker_pool_main"
            command = [sys.executable, "-m", module, f"--service_port={port}"]
            if hide:
                command = _hiding({*map(str, hide), str(temporary)}, command)
            process = stack.enter_context(_server(command, port, tmp_path / f"workers-{port}.log"))
            # Beam's default ends the connection to a job after five minutes.
            flags = (
                "--job_server_timeout=7200 "
                # Without it, each job lists all packages with pip first.
                "--experiments=disable_logging_submission_environment "
                f"--runner=PortableRunner --job_endpoint=localhost:{job_service} "
                f"--environment_type=EXTERNAL --environment_config=localhost:{port}"
            )
            return Workers(flags, process)

        yield start


class Artifacts(NamedTuple):
    """Directories of the artifacts of the three steps."""

    manifest: Path
    captions: Path
    examples: Path

    def content(self) -> dict[str, bytes]:
        """Returns all files that equal runs write with equal bytes, by their paths."""
        files = [
            self.manifest / "manifest.parquet",
            self.manifest / "report.json",
            self.captions / "captions.parquet",
            self.captions / "vocabulary.txt",
            self.captions / "report.json",
            self.examples / "encoder.json",
            *self.examples.glob("*.tfrecord"),
        ]
        return {f"{file.parent.name}/{file.name}": file.read_bytes() for file in files}


RunSteps = Callable[..., Artifacts]


@pytest.fixture(scope="session")
def run_steps() -> RunSteps:
    """Returns a function that runs ingest, normalize and features on a data set."""

    def run(dataset: str, root: Path, flags: str = "", store: str = "") -> Artifacts:
        done = Artifacts(root / "manifest", root / "captions", root / "examples")
        shares = {"dev_share": 0.25, "test_share": 0.25, "max_quarantined": 0.1}
        data = DataSettings.check({"dataset": dataset, "beam_flags": flags, "seed": 3, **shares})
        ingest_dataset(data, done.manifest)
        normalize_captions(done.manifest, done.captions, min_count=1, beam_flags=flags)
        encoder = {"encoder": "MobileNetV3Small", "precision": "float32", "seed": 3}
        extract_features(
            done.manifest,
            done.captions,
            done.examples,
            EncoderSettings.check({**encoder, "beam_flags": flags, "store": store}),
        )
        return done

    return run


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set: a folder with twelve photos, and one file that is no photo."""
    folder = tmp_path_factory.mktemp("distributed") / "photos"
    generator = np.random.default_rng(0)
    (folder / "images").mkdir(parents=True)
    lines = []
    for number in range(12):
        blocks = generator.integers(0, 256, (4, 4, 3), np.uint8)
        image = Image.fromarray(blocks).resize((40, 30), Image.Resampling.NEAREST)
        image.save(folder / f"images/{number:02}.png")
        captions = [f"a dog number {number}", "a dog"]
        lines.append(json.dumps({"image": f"images/{number:02}.png", "captions": captions}))
    (folder / "images/broken.jpg").write_bytes(b"no photo")
    lines.append(json.dumps({"image": "images/broken.jpg", "captions": ["a cat"]}))
    (folder / "captions.jsonl").write_text("\n".join(lines))
    return folder


@pytest.fixture(scope="session")
def local(photos: Path, run_steps: RunSteps, tmp_path_factory: pytest.TempPathFactory) -> Artifacts:
    """The artifacts of a run in this process."""
    return run_steps(str(photos), tmp_path_factory.mktemp("local"))
