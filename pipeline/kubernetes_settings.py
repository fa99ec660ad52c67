"""Settings of runs on a cluster: images and nodes."""

import json
from typing import Any, ClassVar, Self

from pydantic import field_validator, model_validator

from components.errors import SettingError
from components.runtime.image import IMAGE
from components.settings.base import SettingsGroup, setting
from components.settings.shared import Name
from components.train.cluster.pod_settings import needs_several_workers, require_one_kind_of_pod

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

    train_workers: int = setting(
        1,
        "Number of pods that train one model together; more than 1 needs infra/trainer on the "
        "cluster, checkpoints and KFP's pipeline root at gs:// or s3://, and gpus at 0, since the "
        "step's pod only waits",
        decisive=False,
        ge=1,
    )
    worker_gpus: int = setting(
        0,
        "Number of GPUs of each of several pods that train; needs train_workers above 1",
        decisive=False,
        ge=0,
        le=1,
    )
    worker_image: Name = setting(
        IMAGE,
        "Container image of several pods that train, for train_workers above 1; by default, image, "
        "or with worker_gpus that for GPUs",
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

    @model_validator(mode="after")
    def _one_pod_or_several_with_gpus(self) -> Self:
        # make_kubernetes_settings checks worker_gpus, as it does worker_image.
        try:
            require_one_kind_of_pod(self.train_workers, self.gpus, 0)
        except SettingError as error:
            raise ValueError(str(error)) from error
        return self


def make_kubernetes_settings(given: dict[str, Any]) -> KubernetesSettings:
    """Returns a user's settings, with matching defaults for the rest.

    With GPUs, train runs in the image whose tag ends in `-gpu`; without, in the image of the other
    steps and on any node. If several pods train, the step itself has no GPU.

    Raises:
        SettingError: If a value breaks its rule, or applies to several workers but there is only
            one.
    """
    image = given.get("image", IMAGE)
    defaults: dict[str, Any] = {"train_image": f"{image}-gpu", "worker_image": image}
    workers = {name: given[name] for name in ("train_workers",) if name in given}
    several = KubernetesSettings.check({**workers, "gpus": 0}).train_workers > 1
    if several:
        defaults["gpus"] = 0
    settings = KubernetesSettings.check(defaults | given)
    # 0 is no reason for an error: a single pod gets no GPU from this setting either.
    ignored = {"worker_gpus": settings.worker_gpus, "worker_image": given.get("worker_image")}
    for name, value in ignored.items():
        if value and not several:
            raise needs_several_workers(name, value)
    if settings.worker_gpus:
        defaults["worker_image"] = f"{image}-gpu"
    if not settings.gpus:
        defaults |= {"train_image": image, "train_nodes": {}}
    return KubernetesSettings.check(defaults | given)
