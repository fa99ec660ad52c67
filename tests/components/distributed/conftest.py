"""Beam's portable engines: job services, and a worker pool that sees little of this machine."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from beam_steps import Artifacts, Steps
from PIL import Image
from server_processes import hide_folder, run_server


@dataclass
class Engine:
    """A job service with a worker pool, which starts a process for each job.

    Attributes:
        flags: The setting `beam_flags` that has it run a pipeline's transforms.
        log: What the worker pool prints.
    """

    flags: str
    log: Path

    def workers(self) -> list[int]:
        """Returns the process ids of all workers that the pool has started."""
        lines = self.log.read_text().splitlines()
        return [int(line.split()[1]) for line in lines if line.startswith("worker ")]


@pytest.fixture(scope="session")
def _can_hide(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Why this user can't give a process mounts of its own; empty if it can."""
    command = hide_folder(tmp_path_factory.mktemp("hidden"), ["true"])
    try:
        subprocess.run(command, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        return str(error)
    return ""


@pytest.fixture
def isolation(_can_hide: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps this process's temporary files where the engine's workers see an empty folder."""
    if _can_hide:
        pytest.skip(f"workers can't be given mounts of their own here: {_can_hide}")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.fixture
def shared_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that the engine's workers see, which has this process's temporary files too."""
    folder = Path(tempfile.mkdtemp(prefix="captionflow-shared-"))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def job_service(
    free_port: Callable[[], int], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[int]:
    """The port of Beam's portable job service."""
    root, port = tmp_path_factory.mktemp("jobs"), free_port()
    module = "apache_beam.runners.portability.local_job_service_main"
    command = [sys.executable, "-m", module, f"--job_port={port}", f"--staging_dir={root}/staging"]
    with run_server(command, port, root / "log") as _:
        yield port


@pytest.fixture(scope="session")
def prism_service(
    free_port: Callable[[], int], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[int]:
    """The port of Prism, Beam's runner in Go, if this machine has it."""
    program = os.environ.get("PRISM") or shutil.which("prism")
    if not program:
        pytest.skip("no Prism: it is not on PATH, and the variable PRISM does not name its program")
    root, port = tmp_path_factory.mktemp("prism"), free_port()
    command = [program, f"--job_port={port}", "--serve_http=false", "--log_kind=text"]
    with run_server(command, port, root / "log") as _:
        yield port


def _flags(job_service: int, workers: int) -> str:
    return (
        # Beam's default ends the connection to a job after five minutes.
        "--job_server_timeout=7200 "
        # Without it, each job lists all packages with pip first.
        "--experiments=disable_logging_submission_environment "
        f"--runner=PortableRunner --job_endpoint=localhost:{job_service} "
        f"--environment_type=EXTERNAL --environment_config=localhost:{workers}"
    )


@pytest.fixture(scope="session")
def google_login() -> Iterator[dict[str, str]]:
    """Variables with a login that never expires, which the emulator does not check.

    Without one, each process looks for it for half a minute before Beam goes on without.
    """
    login = {"type": "authorized_user", "token": "any", "expiry": "2999-01-01T00:00:00Z"}
    login |= dict.fromkeys(("client_id", "client_secret", "refresh_token"), "any")
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(json.dumps(login))
        file.flush()
        yield {"GOOGLE_APPLICATION_CREDENTIALS": file.name, "GOOGLE_CLOUD_PROJECT": "test"}


@pytest.fixture(scope="session")
def _pool(
    _can_hide: str,
    google_emulator: str,
    google_login: dict[str, str],
    free_port: Callable[[], int],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[int, Path]]:
    """The port and the log of a worker pool for all tests.

    Its workers see an empty folder in the place of the tests' own.
    """
    log, port = tmp_path_factory.mktemp("pool") / "log", free_port()
    command = [sys.executable, str(Path(__file__).with_name("warm_pool.py")), str(port)]
    if not _can_hide:
        command = hide_folder(tmp_path_factory.getbasetemp(), command)
    with run_server(command, port, log, STORAGE_EMULATOR_HOST=google_emulator, **google_login):
        yield port, log


@pytest.fixture(scope="session")
def engine(job_service: int, _pool: tuple[int, Path]) -> Engine:
    """The portable job service with the worker pool."""
    port, log = _pool
    return Engine(_flags(job_service, port), log)


@pytest.fixture(scope="session")
def prism(prism_service: int, _pool: tuple[int, Path]) -> Engine:
    """Prism with the same worker pool."""
    port, log = _pool
    return Engine(_flags(prism_service, port), log)


@pytest.fixture
def own_pool(job_service: int, free_port: Callable[[], int], tmp_path: Path) -> Iterator[str]:
    """The flags of Beam's own worker pool, whose workers share this machine's files.

    It starts Python for each job.
    """
    port = free_port()
    module = "apache_beam.runners.worker.worker_pool_main"
    command = [sys.executable, "-m", module, f"--service_port={port}"]
    with run_server(command, port, tmp_path / "pool.log"):
        yield _flags(job_service, port)


@pytest.fixture
def apart(
    engine: Engine,
    isolation: None,
    bucket: object,
    google_login: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> Steps:
    """The steps on workers that see nothing of this machine's files, only the bucket `runs`."""
    for name, value in google_login.items():
        monkeypatch.setenv(name, value)
    return Steps(f"{engine.flags} --temp_location=gs://runs/temp", "gs://runs/features")


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
def local(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Artifacts:
    """The artifacts of a run in this process."""
    return Steps().all(str(photos), tmp_path_factory.mktemp("local"))
