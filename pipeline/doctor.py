"""Says whether the pipeline can work here: `python -m pipeline.doctor`, on a laptop or in a pod.

A line for each version, device and store, with what to do where something is wrong. It writes an
artifact to MLflow, reads it and removes it; with `--quick`, as the image's health check runs it, it
writes nothing.
"""

import os
import platform
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Annotated

import psutil
import typer
from packaging.requirements import Requirement
from rich.console import Console
from rich.markup import escape

from components.errors import CaptionflowError
from components.storage.filesystem import is_remote
from components.storage.transfer import exists, local_copy
from pipeline.finding import Finding
from pipeline.mlflow_check import check_mlflow

_PROJECT = "captionflow"
_LIBRARIES = ("kfp", "tensorflow", "keras", "apache-beam", "tensorflow-transform", "mlflow")
_GIB = 2**30
# Of a store one wants to know now, not after the minutes that a step would wait for it (seconds).
_PATIENCE = 10


def examine(stores: Iterable[str] = (), *, quick: bool = False) -> Iterator[Finding]:
    """Looks at everything that is configured here, one thing after the other.

    Args:
        stores: Paths, local or in buckets, that must be readable.
        quick: Whether to leave out what takes a while or writes: the GPUs, for which TensorFlow is
            loaded, and MLflow's artifact store.

    Yields:
        What was found, as soon as it is known.
    """
    yield from check_versions()
    yield check_processor()
    if not quick:
        yield check_gpus()
    yield check_mlflow(os.environ.get("MLFLOW_TRACKING_URI", "").strip(), write=not quick)
    yield from map(check_store, stores)


def check_versions() -> Iterator[Finding]:
    """Yields the version of Python, of this project and of its libraries.

    A library must have a version that the project's own metadata allow.
    """
    yield Finding("python", platform.python_version())
    needed = {}
    try:
        yield Finding(_PROJECT, version(_PROJECT))
        named = [Requirement(text) for text in requires(_PROJECT) or ()]
        needed = {r.name: r.specifier for r in named if not r.marker or r.marker.evaluate()}
    except PackageNotFoundError:
        yield Finding(_PROJECT, "is not installed: python -m pip install --no-deps .", ok=False)
    for name in _LIBRARIES:
        try:
            found = version(name)
        except PackageNotFoundError:
            found = "is not installed"
        if found[0].isdigit() and (name not in needed or found in needed[name]):
            yield Finding(name, found)
        else:
            rule = needed.get(name) or "any version"
            todo = "install infra/requirements/run.txt"
            yield Finding(name, f"{found}, but {rule} is needed: {todo}", ok=False)


def check_processor(cgroup: Path = Path("/sys/fs/cgroup")) -> Finding:
    """Tells how many cores there are and how much memory is free.

    Args:
        cgroup: Where Linux (control groups v2) says what a container may use of its machine.
    """
    cores = float(len(os.sched_getaffinity(0)))
    memory = psutil.virtual_memory()
    available, total = float(memory.available), float(memory.total)
    quota, *period = _words(cgroup / "cpu.max")
    if quota.isdigit() and period:
        cores = min(cores, int(quota) / int(period[0]))
    limit, used = _words(cgroup / "memory.max")[0], _words(cgroup / "memory.current")[0]
    if limit.isdigit() and used.isdigit():
        total = min(total, int(limit))
        available = min(available, int(limit) - int(used))
    return Finding(
        "processor",
        f"{cores:g} cores, {available / _GIB:.1f} of {total / _GIB:.1f} GiB memory available",
    )


def check_gpus(devices: Path = Path("/dev")) -> Finding:
    """Tells which GPUs TensorFlow can use.

    Args:
        devices: Where the driver puts a node `nvidia0`, `nvidia1`, … for each GPU that is here.
    """
    # Its notes on its own start tell a user nothing.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        import tensorflow as tf
    except ImportError as error:
        return Finding("gpu", f"TensorFlow can't be loaded: {error}", ok=False)
    details = map(tf.config.experimental.get_device_details, tf.config.list_physical_devices("GPU"))
    if names := [str(detail.get("device_name", "unnamed")) for detail in details]:
        return Finding("gpu", ", ".join(names))
    from components.runtime.step import IMAGE

    if nodes := sorted(str(node) for node in devices.glob("nvidia[0-9]*")):
        todo = f"use the image {IMAGE}-gpu, or install infra/requirements/gpu.txt"
        return Finding(
            "gpu", f"TensorFlow can't use what is here ({', '.join(nodes)}): {todo}", ok=False
        )
    return Finding("gpu", "none, TensorFlow uses the processor")


def check_store(uri: str) -> Finding:
    """Reads what a path names: a folder or file here, or a place in a bucket.

    Args:
        uri: A path, local or in a bucket.
    """
    # Here, since `--help` is to come at once.
    from components.registry.client import without_credentials

    subject = f"store {without_credentials(uri)}"
    try:
        if is_remote(uri):
            empty = not exists(uri, timeout=_PATIENCE)
            return Finding(subject, f"can be read{', nothing lies there yet' * empty}")
        path = local_copy(uri, Path())
        if path.is_dir():
            next(path.iterdir(), None)
        else:
            path.open("rb").close()
    except CaptionflowError as error:
        return Finding(subject, without_credentials(str(error)), ok=False)
    except OSError as error:
        who = f"user {os.getuid()}, group {os.getgid()}"
        todo = f"check its name, and that {who} may read it"
        return Finding(subject, f"{error.strerror}: {todo}", ok=False)
    return Finding(subject, f"can be read{' and written' * os.access(path, os.W_OK)}")


def _words(path: Path) -> list[str]:
    # Without a container the file is not there, or says `max`.
    try:
        return path.read_text().split() or [""]
    except OSError:
        return [""]


_QUICK_HELP = "Leave out GPUs and writing to MLflow's artifact store."

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    store: Annotated[
        list[str] | None,
        typer.Option(help="A path to read, local, gs:// or s3://; may be repeated."),
    ] = None,
    quick: Annotated[bool, typer.Option(help=_QUICK_HELP)] = False,
) -> None:
    """Prints versions, devices and reachable stores; exits with 1 if something is wrong."""
    console = Console(file=sys.stdout, highlight=False, soft_wrap=True)
    healthy = True
    for found in examine(store or (), quick=quick):
        mark = "[green]ok   [/]" if found.ok else "[red]wrong[/]"
        console.print(f"{mark} {found.subject:<20} {escape(found.detail)}")
        healthy &= found.ok
    raise typer.Exit(0 if healthy else 1)


if __name__ == "__main__":
    app()
