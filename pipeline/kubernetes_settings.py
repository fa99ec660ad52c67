"""Settings of runs on a cluster: images and nodes."""

import json
from typing import Any, ClassVar

from pydantic import field_validator

from components.runtime.image import IMAGE
from components.settings.base import SettingsGroup, setting
from components.settings.shared import Name

SPOT = "cloud.google.com/gke-spot"


class KubernetesSettings(SettingsGroup):
    """Images and nodes of a run on a cluster, which are also parameters of the pipeline."""

    title: ClassVar[str] = "Kubernetes"

    image: Name = setting(IMAGE, "Container image of the steps, including the registry")
    train_image: Name = setting(
        f"{IMAGE}-gpu", "Container image of train; without GPUs, the same as image"
    )
    gpus: int = setting(
        1,
        "Number of GPUs for train; 0: train on CPUs, for which captionflow sets train_image to "
        "image and train_nodes to {} by default",
        decisive=False,
        ge=0,
    )
    train_nodes: dict[str, str] = setting(
        {SPOT: "true"},
        "Labels of the nodes that train runs on; {}: any node",
        decisive=False,
    )

    @field_validator("train_nodes", mode="before")
    @classmethod
    def _read(cls, labels: Any) -> Any:
        if not isinstance(labels, str):
            return labels
        try:
            return json.loads(labels)
        except json.JSONDecodeError as error:
            raise ValueError(
                "train_nodes must be a JSON object of labels, such as "
                f"{json.dumps({SPOT: 'true'})}. Received: {labels!r}"
            ) from error


def make_kubernetes_settings(given: dict[str, Any]) -> KubernetesSettings:
    """Returns a user's settings, with matching defaults for the rest.

    With GPUs, train runs in the image whose tag ends in `-gpu`; without, in the image of the other
    steps and on any node.

    Raises:
        SettingError: If a value breaks its rule.
    """
    image = given.get("image", IMAGE)
    settings = KubernetesSettings.check({"train_image": f"{image}-gpu"} | given)
    if settings.gpus:
        return settings
    return KubernetesSettings.check({"train_image": image, "train_nodes": {}} | given)
