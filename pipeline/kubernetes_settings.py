"""Settings of runs on a cluster: images and nodes."""

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from components.errors import broken_settings
from components.runtime.image import IMAGE

SPOT = "cloud.google.com/gke-spot"


class KubernetesSettings(BaseModel):
    """Which images and nodes a run on a cluster uses; further parameters of the pipeline."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    image: str = Field(
        IMAGE, min_length=1, description="Container image of the steps, with its registry"
    )
    train_image: str = Field(
        f"{IMAGE}-gpu", min_length=1, description="Container image of train; without a GPU: image"
    )
    gpus: int = Field(
        1,
        ge=0,
        description="GPUs that train requests; 0 trains on CPUs, with train_image the same as "
        "image, and train_nodes {}",
    )
    train_nodes: dict[str, str] = Field(
        {SPOT: "true"}, description="Labels of the nodes that train runs on; {} is any node"
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
    """Returns a placement with what a user gave, and fitting defaults for the rest.

    With GPUs, train runs in the image whose name goes on with `-gpu`; without, in that of the other
    steps and on any node.

    Raises:
        SettingError: If a value breaks its rule.
    """
    image = given.get("image", IMAGE)
    try:
        made = KubernetesSettings.model_validate({"train_image": f"{image}-gpu"} | given)
        if not made.gpus:
            made = KubernetesSettings.model_validate(
                {"train_image": image, "train_nodes": {}} | given
            )
        return made
    except ValidationError as error:
        raise broken_settings(error) from error
