"""Runs the pipeline under bad conditions, one after the other in one work folder.

    python tests/faults/conditions.py
    python tests/faults/conditions.py first_run two_runs    # only some, the first among them

The work folder has an unusual name and is on a small disk (a tmpfs, if root may mount one). After
the first run, only the steps that depend on the registry run again, with a different model name.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from attempts import PROJECT, Attempt, find_step
from confined import (
    ENCODER,
    read_only_system,
    settings_of,
    user_without_a_home,
    work_folder_of_another_user,
)
from states import EPOCH
from tiny_encoder import write_encoder

#: Bytes that are free when the disk is full: less than a logged model needs, which is 0.9 MB.
_FREE = 512 << 10
_SIZE = 400 << 20


def first_run(root: Path) -> list[str]:
    """A folder whose name has quotes, spaces, # and %."""
    code, output = Attempt(root, settings_of(root)).finish()
    stray = [path for path in root.parent.iterdir() if path.name not in (root.name, "tmp")]
    return [*([output] if code else []), *(f"outside of the root: {path}" for path in stray)]


def killed_step(root: Path) -> list[str]:
    """A step, not the run, is killed by SIGKILL, as the kernel does when memory runs out."""
    attempt = Attempt(root, (*settings_of(root), "--model-name", "killed", "--force"))
    if not attempt.wait_for("train"):
        return [attempt.finish()[1]]
    while not (step := find_step(attempt.process.pid)):
        time.sleep(0.02)
    time.sleep(2)
    step[1].send_signal(signal.SIGKILL)
    code, output = attempt.finish()
    last = output.splitlines()[-1]
    expected = ("captionflow: train: ", "SIGKILL", "memory")
    faults = [] if code == 1 and all(fact in last for fact in expected) else [output]
    return faults + _left_over(root)


def full_disk(root: Path) -> list[str]:
    """The disk is full when register logs the model; then space is freed."""
    settings = (*settings_of(root), "--model-name", "full")
    attempt = Attempt(root, settings)
    if not attempt.wait_for("register"):
        return [attempt.finish()[1]]
    filler = root.parent / "filler"
    with filler.open("wb") as file:
        file.write(bytes(max(0, shutil.disk_usage(root).free - _FREE)))
    code, output = attempt.finish()
    print(f"    {output.splitlines()[-1][:300]}")  # noqa: T201
    filler.unlink()
    faults = [] if code == 1 and _versions(root, "full") == 0 else [output]
    code, output = Attempt(root, settings).finish()
    faults += [output] if code or _versions(root, "full") != 1 else []
    return faults + _left_over(root)


def two_runs(root: Path) -> list[str]:
    """Two different runs start at once, and both register a model."""
    runs = [
        Attempt(root, (*settings_of(root), "--epochs", epochs, "--model-name", name))
        for epochs, name in (("2", "one"), ("3", "two"))
    ]
    faults = [output for code, output in (run.finish() for run in runs) if code]
    faults += [f"no version of {n}" for n in ("one", "two") if _versions(root, n) != 1]
    return faults + _left_over(root)


def identical_runs(root: Path) -> list[str]:
    """The same run is started twice at once: it trains once, and both succeed."""
    settings = (*settings_of(root), "--epochs", "5", "--model-name", "same")
    before = set((root / "logs").glob("*.log"))
    runs = [Attempt(root, settings) for _ in range(2)]
    faults = [output for code, output in (run.finish() for run in runs) if code]
    logs = set((root / "logs").glob("*.log")) - before
    trained = sum(len(EPOCH.findall(log.read_text())) for log in logs)
    faults += ["the runs share a log"] if len(logs) != 2 else []
    faults += [f"{trained} epochs instead of 5"] if trained != 5 else []
    faults += [f"{n} versions" for n in [_versions(root, "same")] if n != 1]
    return faults + _left_over(root)


def moved_folder(root: Path) -> list[str]:
    """The work folder is moved; its model captions a photo, and another run needs no training."""
    moved = root.rename(root.parent / "moved")
    photo = next(path for path in moved.glob("artifacts/*/ingest/manifest/**/*") if path.is_file()
                 and path.suffix in (".png", ".jpg"))  # fmt: skip
    command = [sys.executable, "-m", "pipeline.cli", "caption", str(photo), "--root", str(moved)]
    environment = {**os.environ, "MLFLOW_TRACKING_URI": "", "PYTHONPATH": str(PROJECT)}
    ended = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=PROJECT, env=environment
    )
    faults = [ended.stdout + ended.stderr] if ended.returncode else []
    code, output = Attempt(moved, settings_of(moved)).finish()
    faults += [output] if code or "unchanged" not in output else []
    faults += ["the old place exists again"] if root.exists() else []
    return faults + _left_over(moved)


_CONDITIONS = (
    first_run, killed_step, full_disk, two_runs, identical_runs, work_folder_of_another_user,
    moved_folder, user_without_a_home, read_only_system,
)  # fmt: skip


def _left_over(root: Path) -> list[str]:
    client = _client(root)
    experiment = client.get_experiment_by_name("captionflow")
    running = client.search_runs([experiment.experiment_id], "attributes.status = 'RUNNING'")
    versions = client.search_model_versions()
    models = len(list(root.glob("mlartifacts/models/*")))
    # A run that failed and could not reach MLflow keeps its mark, for a later run.
    hidden = [path for path in root.rglob(".*") if path.name != ".running"]
    return [
        *(f"still running: {run.info.run_id}" for run in running),
        *([f"{models} models for {len(versions)} versions"] if models > len(versions) else []),
        *(f"left over: {path}" for path in (*hidden, *(root.parent / "tmp").iterdir())),
    ]


def _versions(root: Path, name: str) -> int:
    return len(_client(root).search_model_versions(f"name = '{name}'"))


def _client(root: Path):  # noqa: ANN202 # imported late
    os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{root}/mlflow.db"
    from mlflow import MlflowClient

    return MlflowClient()


@contextlib.contextmanager
def _small_disk() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="captionflow-conditions-"))
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "none", str(folder)]
    mounted = not os.geteuid() and not subprocess.run(mount, check=False).returncode
    try:
        yield folder
    finally:
        if mounted:
            # Lazily: MLflow keeps its database open in this process.
            subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S607
        shutil.rmtree(folder, ignore_errors=True)


def main() -> int:
    """Runs all conditions; returns the number that lost something."""
    failed = 0
    with _small_disk() as folder:
        root = folder / "it's #1, 100%" / "runs"
        write_encoder(folder / ENCODER)
        for condition in _asked():
            if condition is full_disk and not os.path.ismount(folder):
                print("full_disk: skipped, no tmpfs can be mounted")  # noqa: T201
                continue
            started = time.monotonic()
            faults = _tried(condition, root)
            failed += bool(faults)
            took = f"{time.monotonic() - started:.0f} s"
            print(f"{condition.__name__}: {'LOST' if faults else 'survived'} ({took})", flush=True)  # noqa: T201
            print(*(f"    {fault[-1500:]}" for fault in faults), sep="\n", flush=True)  # noqa: T201
    return failed


def _asked() -> list[Callable[[Path], list[str]]]:
    names = sys.argv[1:]
    return [each for each in _CONDITIONS if not names or each.__name__ in names]


def _tried(condition: Callable[[Path], list[str]], root: Path) -> list[str]:
    try:
        return condition(root)
    except Exception as error:  # whatever it is, still try the other conditions
        return [f"{type(error).__name__}: {error}"]


if __name__ == "__main__":
    sys.exit(main())
