"""The environment of a local run: variables, work folder, parameters and content hashes."""

import os
from pathlib import Path
from typing import Any

from components.artifacts.external import external_content_hash, split_member
from components.artifacts.fingerprint import fingerprint_value
from components.embeddings.source import open_glove
from components.errors import CaptionflowError, SettingError
from components.settings.base import external_settings
from components.settings.run import RunSettings
from components.storage.filesystem import is_remote, local_path
from pipeline.kubernetes_settings import KubernetesSettings, make_kubernetes_settings

#: glibc's malloc settings (mallopt(3)) for the processes of steps. TensorFlow's tensors are large
#: and live for one operation. By default, glibc returns their memory to the kernel, which has to
#: zero the pages before it hands them out again. With these settings glibc reuses them. The
#: container image has the same settings.
MALLOC = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TOP_PAD_": str(100 * 2**20),  # bytes
}


def set_environment(root: Path) -> None:
    """Sets the variables that the steps of a local run inherit, unless they are set already.

    The MLflow store is in the work folder. glibc reads its settings when a process starts, so they
    have no effect on this process.

    Raises:
        SettingError: If the work folder can't be read, or its path can't be used.
    """
    from components.registry.client import local_tracking_uri

    if not os.environ.get("MLFLOW_TRACKING_URI"):
        check_readable(root)
        os.environ["MLFLOW_TRACKING_URI"] = local_tracking_uri(root)
    for name, value in MALLOC.items():
        os.environ.setdefault(name, value)
    # TensorFlow's start-up messages are of no use to users.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def check_readable(root: Path) -> None:
    """Checks that this user may read a work folder, if there is one.

    Raises:
        SettingError: If it can't be read, or is not a folder.
    """
    try:
        for path in root.iterdir():
            path.lstat()  # fails if the folder may only be listed
    except FileNotFoundError:
        return
    except OSError as error:
        raise SettingError(
            f"root must be a work folder that you may read. Received: {error}"
        ) from error


def make_root(root: Path) -> None:
    """Creates the work folder if it does not exist, and checks that this user may write there.

    Raises:
        SettingError: If it can't be created, or it or something in it belongs to another user.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingError(f"root must be a writable folder. Received: {error}") from error
    check_readable(root)
    for path in (root, *root.iterdir()):
        if not os.access(path, os.R_OK | os.W_OK):
            raise SettingError(
                "root must be a work folder that you may read and write. Use one of your own, or "
                f"let its owner ({_owner(path)}) grant access. No access to {path}"
            )


def _owner(path: Path) -> str:
    try:
        return path.owner()
    except (KeyError, OSError):
        return "unknown"


def arguments_of(settings: RunSettings, root: Path) -> dict[str, Any]:
    """Returns the pipeline's parameters for a run on this machine."""
    kubernetes: KubernetesSettings = make_kubernetes_settings({"gpus": "0"})
    arguments = {**settings.model_dump(), **kubernetes.model_dump()}
    for name in ("checkpoints", "store"):
        # An empty setting means that there is no such folder.
        if arguments[name] and not is_remote(arguments[name]):
            arguments[name] = str(root / local_path(arguments[name]))
    return arguments


def contents_of(settings: RunSettings) -> dict[str, str]:
    """Returns the content hashes of the files that settings name.

    Returns:
        Hashes by setting; settings that name no file are left out.

    Raises:
        DataError: If a path does not exist.
        SettingError: If a path is malformed, or does not name one of several files in a zip.
    """
    # MLflow takes seconds to import.
    from components.registry.parents import parent_fingerprint

    contents = {}
    for name, words in external_settings(RunSettings).items():
        value = getattr(settings, name)
        if value in words:
            continue
        try:
            if name == "start_from":
                contents[name] = parent_fingerprint(value)
            else:
                contents[name] = external_content_hash(value)
            if name == "glove" and not is_remote(split_member(value)[0]):
                # Fail now, not after an hour, if the zip has several files and none is named.
                with open_glove(value):
                    pass
        except CaptionflowError as error:
            message = str(error)
            raise type(error)(
                message if message.startswith(name) else f"{name}: {message}"
            ) from error
    return contents


def experiment_fingerprint(name: str, *, create: bool) -> str:
    """Returns a fingerprint that tells apart experiments of the same name in different stores.

    Args:
        name: The experiment's name.
        create: Whether to create a missing MLflow store and experiment.

    Returns:
        The fingerprint; empty if there is no MLflow store and `create` is false.

    Raises:
        CaptionflowError: If MLflow can't be used.
    """
    from components.registry.client import store_exists
    from components.registry.experiments import experiment_identity

    if not create and not store_exists():
        return ""
    return fingerprint_value(experiment_identity(name, create=create))
