"""The parameters of a run on a cluster, checked for paths that a cluster can't read."""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from components.errors import SettingError
from components.registry.model_uri import is_model_uri
from components.settings.base import external_settings
from components.settings.data import SAMPLE
from components.settings.presets import DEFAULT_PRESET
from components.settings.run import RunSettings
from components.storage.filesystem import is_absolute, is_remote
from components.train.shared_checkpoints import require_shared_checkpoints
from pipeline.config import make_settings
from pipeline.kubernetes_settings import make_kubernetes_settings

# Settings whose folders must outlive the step's pod, each with the folder of its volume: see
# `pipeline.kubernetes.VOLUMES`.
_PERSISTENT = {"store": "features", "checkpoints": "checkpoints"}


def cluster_arguments(
    preset: str | None, config: Path | None, settings: Mapping[str, Any], kubernetes: dict[str, Any]
) -> dict[str, Any]:
    """Returns the pipeline's parameters for a run on a cluster.

    Args:
        preset: The preset to start from; None: `sample`, which does not suit a user's own data.
        config: A YAML file of settings; None if there is none.
        settings: Settings from the command line.
        kubernetes: `KubernetesSettings` from the command line.

    Raises:
        SettingError: If a setting is invalid, or is a path that a pod can't read or that several
            workers don't share.
    """
    arguments = make_settings(preset or DEFAULT_PRESET, settings, config=config).model_dump()
    for name, words in external_settings(RunSettings).items():
        value = arguments[name]
        if value not in words and not is_absolute(value) and not is_model_uri(value):
            raise SettingError(
                f"{name} must be readable from the cluster: gs://…, s3://…, or an absolute path in "
                f"the image or a volume. Received: {value!r}"
            )
    for name, volume in _PERSISTENT.items():
        value = arguments[name]
        path = PurePosixPath(value)
        on_volume = path.parts[:1] == (volume,) and ".." not in path.parts
        if value and not on_volume and not is_remote(value):
            raise SettingError(
                f"{name} must outlive the step's pod: gs://…, s3://…, or a path in {volume}/, "
                f"which is a volume on the cluster. Received: {value!r}"
            )
    if not (preset or config or arguments["dataset"] == SAMPLE):
        raise SettingError(
            "preset is needed for own data: this machine can't look at data on a cluster, as "
            "`captionflow run` does. Give --preset small for fewer than 2,000 photos, else "
            "--preset flickr8k"
        )
    placement = make_kubernetes_settings(kubernetes)
    require_shared_checkpoints(arguments["checkpoints"], placement.train_workers)
    return arguments | placement.model_dump()
