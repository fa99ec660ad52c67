"""The checks of `captionflow doctor`, on a laptop or in a pod."""

import os
import platform
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import psutil
from packaging.requirements import Requirement

from components.errors import CaptionflowError
from components.storage.filesystem import is_remote
from components.storage.transfer import exists, local_copy
from pipeline.doctor.finding import Finding
from pipeline.doctor.mlflow import check_mlflow

_PROJECT = "captionflow"
_LIBRARIES = ("kfp", "tensorflow", "keras", "apache-beam", "tensorflow-transform", "mlflow")
_GIB = 2**30
# Seconds to wait for a store; a step would wait minutes.
_TIMEOUT = 10


def examine(stores: Iterable[str] = (), *, quick: bool = False) -> Iterator[Finding]:
    """Runs all checks, one after the other.

    Args:
        stores: Paths, local or in buckets, that must be readable.
        quick: Whether to skip checks that are slow or write: the GPUs, for which TensorFlow is
            loaded, and MLflow's artifact store.

    Yields:
        The result of each check, as soon as it is known.
    """
    yield from check_versions()
    yield check_processor()
    if not quick:
        yield check_gpus()
    yield check_mlflow(os.environ.get("MLFLOW_TRACKING_URI", "").strip(), write=not quick)
    yield from map(check_store, stores)


def check_versions() -> Iterator[Finding]:
    """Yields the versions of Python, of this project and of its libraries.

    A library's version must satisfy the requirements in the project's metadata.
    """
    yield Finding("python", platform.python_version())
    required = {}
    try:
        yield Finding(_PROJECT, version(_PROJECT))
        requirements = [Requirement(text) for text in requires(_PROJECT) or ()]
        required = {
            r.name: r.specifier for r in requirements if not r.marker or r.marker.evaluate()
        }
    except PackageNotFoundError:
        yield Finding(_PROJECT, "not installed. Run: python -m pip install --no-deps .", ok=False)
    for name in _LIBRARIES:
        try:
            found = version(name)
        except PackageNotFoundError:
            found = "not installed"
        if found[0].isdigit() and (name not in required or found in required[name]):
            yield Finding(name, found)
        else:
            rule = required.get(name) or "any version"
            action = "Install infra/requirements/run.txt"
            yield Finding(name, f"{found}, but {rule} is required. {action}", ok=False)


def check_processor(cgroup: Path = Path("/sys/fs/cgroup")) -> Finding:
    """Returns the number of cores and the available memory, within the limits of a container.

    Args:
        cgroup: Folder with the limits of this process's container (Linux control groups v2).
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
    """Returns the GPUs that TensorFlow can use; fails if it can't use those of this machine.

    Args:
        devices: Folder of the device files `nvidia0`, `nvidia1`, …: one for each GPU.
    """
    # TensorFlow's start-up messages are of no use to users.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        import tensorflow as tf
    except ImportError as error:
        return Finding("gpu", f"TensorFlow can't be loaded: {error}", ok=False)
    details = map(tf.config.experimental.get_device_details, tf.config.list_physical_devices("GPU"))
    if names := [str(detail.get("device_name", "unnamed")) for detail in details]:
        return Finding("gpu", ", ".join(names))
    from components.runtime.image import IMAGE

    if nodes := sorted(str(node) for node in devices.glob("nvidia[0-9]*")):
        action = f"Use the image {IMAGE}-gpu, or install infra/requirements/gpu.txt"
        return Finding(
            "gpu", f"TensorFlow can't use the GPUs {', '.join(nodes)}. {action}", ok=False
        )
    return Finding("gpu", "none; TensorFlow uses the CPU")


def check_store(uri: str) -> Finding:
    """Checks that a folder or file is readable.

    Args:
        uri: Its path, local or in a bucket.
    """
    # Imported late, so that `--help` appears at once.
    from components.registry.client import without_credentials

    subject = f"store {without_credentials(uri)}"
    try:
        if is_remote(uri):
            empty = not exists(uri, timeout=_TIMEOUT)
            return Finding(subject, f"readable{', still empty' * empty}")
        path = local_copy(uri, Path())
        if path.is_dir():
            next(path.iterdir(), None)
        else:
            path.open("rb").close()
    except CaptionflowError as error:
        return Finding(subject, without_credentials(str(error)), ok=False)
    except OSError as error:
        action = f"Check the path, and that user {os.getuid()}, group {os.getgid()} may read it"
        return Finding(subject, f"{error.strerror}. {action}", ok=False)
    return Finding(subject, f"readable{' and writable' * os.access(path, os.W_OK)}")


def _words(path: Path) -> list[str]:
    # Outside of a container, the file does not exist or contains `max`.
    try:
        return path.read_text().split() or [""]
    except OSError:
        return [""]
