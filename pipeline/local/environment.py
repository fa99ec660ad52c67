"""What a local run finds around it: its MLflow store, and what its settings name."""

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
from pipeline.kubernetes import KubernetesSettings, make_kubernetes_settings

#: glibc's settings (mallopt(3)) for the processes of steps. TensorFlow's tensors are large and live
#: for one operation; by default glibc returns each to the kernel, which has to clear its pages
#: before they come again. With these it keeps them. The image sets the same.
MALLOC = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TOP_PAD_": str(100 * 2**20),  # bytes
}


def set_environment(root: Path) -> None:
    """Sets the environment that the steps of a local run inherit; what is set already stays.

    MLflow's store is in the work folder. glibc reads its settings when a process starts, so they
    have no effect on this one.
    """
    from components.registry.client import local_tracking_uri

    if not os.environ.get("MLFLOW_TRACKING_URI"):
        os.environ["MLFLOW_TRACKING_URI"] = local_tracking_uri(root)
    for name, value in MALLOC.items():
        os.environ.setdefault(name, value)
    # TensorFlow's notes on its own start tell a user nothing.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def make_root(root: Path) -> None:
    """Makes the work folder if it is not there.

    Raises:
        SettingError: If it can't be made or written to.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingError(
            f"root must be a folder that can be written. Received: {error}"
        ) from error


def arguments_of(settings: RunSettings, root: Path) -> dict[str, Any]:
    """Returns the pipeline's parameters for a run on this machine."""
    here: KubernetesSettings = make_kubernetes_settings({"gpus": "0"})
    arguments = {**settings.model_dump(), **here.model_dump()}
    for name in ("checkpoints", "store"):
        # An empty name stands for no folder at all.
        if arguments[name] and not is_remote(arguments[name]):
            arguments[name] = str(root / local_path(arguments[name]))
    return arguments


def contents_of(settings: RunSettings) -> dict[str, str]:
    """Fingerprints what the settings name outside the pipeline: a name says nothing of content.

    Returns:
        By setting; those that name nothing outside are left out.

    Raises:
        DataError: If a path leads nowhere.
        SettingError: If a path is none, or does not say which file of a zip is meant.
    """
    contents = {}
    for name, words in external_settings(RunSettings).items():
        value = getattr(settings, name)
        if value in words:
            continue
        try:
            contents[name] = external_content_hash(value)
            if name == "glove" and not is_remote(split_member(value)[0]):
                # Which text of a zip is meant is asked now, not after an hour.
                with open_glove(value):
                    pass
        except CaptionflowError as error:
            told = str(error)
            raise type(error)(told if told.startswith(name) else f"{name}: {told}") from error
    return contents


def experiment_fingerprint(name: str, *, make: bool) -> str:
    """Returns what tells an MLflow experiment from one of the same name in another store.

    Args:
        name: The experiment's name.
        make: Whether to make it if it is not there; otherwise the answer is empty then.

    Raises:
        CaptionflowError: If MLflow can't be used.
    """
    from components.registry.client import store_exists
    from components.registry.experiments import experiment_identity

    if not make and not store_exists():
        return ""
    return fingerprint_value(experiment_identity(name, create=make))
