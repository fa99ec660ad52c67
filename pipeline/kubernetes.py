"""Where steps run on a cluster, and what each of them needs there.

What a step does is in `components`, the order of the steps in `pipeline.dag`; here is what only
Kubernetes reads. `kfp.local` ignores all of it.
"""

import json
from dataclasses import dataclass
from typing import Any

from kfp import kubernetes
from kfp.dsl import PipelineTask
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from components.errors import broken_settings
from components.runtime.retry_policy import RUN_ID_VARIABLE
from components.runtime.step import IMAGE
from pipeline.kfp_patches import quick_settings
from pipeline.parameters import Parameters

GPU = "nvidia.com/gpu"
SPOT = "cloud.google.com/gke-spot"
# The user of the image; the claim for checkpoints belongs to the same group.
_USER = 10001
_GPU_NODES = [
    {"key": GPU, "operator": "Exists", "effect": "NoSchedule"},
    {"key": SPOT, "operator": "Equal", "value": "true", "effect": "NoSchedule"},
]


class KubernetesSettings(BaseModel):
    """Which images and nodes a run on a cluster uses; further parameters of the pipeline."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    image: str = Field(
        IMAGE, min_length=1, description="Container image of the steps, with its registry"
    )
    train_image: str = Field(
        f"{IMAGE}-gpu", min_length=1, description="Container image of train; without a GPU: image"
    )
    # Text, since KFP's driver reads a number here as nothing: the pod would quietly get no GPU.
    gpus: str = Field("1", description="GPUs that train asks for; 0 trains on CPUs")
    train_nodes: dict[str, str] = Field(
        {SPOT: "true"}, description="Labels of the nodes that train runs on; {} is any node"
    )

    @field_validator("gpus")
    @classmethod
    def _is_a_count(cls, gpus: str) -> str:
        if not (gpus.isascii() and gpus.isdigit()):
            raise ValueError(f"gpus must be a number of GPUs, 0 or more. Received: {gpus!r}")
        return str(int(gpus))

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
        if made.gpus == "0":
            made = KubernetesSettings.model_validate(
                {"train_image": image, "train_nodes": {}} | given
            )
        return made
    except ValidationError as error:
        raise broken_settings(error) from error


@dataclass(frozen=True)
class Needs:
    """What a step needs on a cluster.

    Attributes:
        cpu: CPUs asked for, and at most.
        memory: Bytes asked for, and at most, as Kubernetes writes them.
        hours: The longest it may take, all attempts together.
        cached: Whether KFP may reuse an earlier result. Its cache knows artifacts by name only,
            so it may where a fingerprint goes in beside them, and where it pays.
    """

    cpu: tuple[str, str]
    memory: tuple[str, str]
    hours: float
    cached: bool = False


NEEDS = {
    "ingest": Needs(("1", "2"), ("2Gi", "4Gi"), hours=2),  # whether data changed is seen here
    "trigger": Needs(("500m", "1"), ("1Gi", "2Gi"), hours=0.5),  # asks the registry
    "normalize": Needs(("1", "2"), ("3Gi", "8Gi"), hours=2),  # seconds: not worth a key
    "features": Needs(("2", "4"), ("6Gi", "12Gi"), hours=12, cached=True),  # the long one
    "embeddings": Needs(("500m", "1"), ("1Gi", "4Gi"), hours=1),  # seconds
    "train": Needs(("2", "4"), ("8Gi", "16Gi"), hours=24),  # `trigger` knows when it is needed
    "evaluate": Needs(("2", "4"), ("4Gi", "8Gi"), hours=4),  # follows train
    "rescore": Needs(("2", "4"), ("4Gi", "8Gi"), hours=4),  # asks the registry
    "gate": Needs(("500m", "1"), ("1Gi", "2Gi"), hours=0.5),  # asks the registry
    "register": Needs(("1", "2"), ("4Gi", "8Gi"), hours=2),  # changes the registry
}


@quick_settings()
def configure(task: PipelineTask, title: str, parameters: Parameters) -> PipelineTask:
    """Gives a task of the DAG what it needs on a cluster.

    A pod that was preempted or killed is tried again, up to three times, a minute later and then
    after twice as long each time, as long as its hours are not over. (`infra/README.md` makes the
    cluster retry pods that went with their node, too; `components.runtime.retry_policy` keeps a
    step from repeating what can't succeed.)

    Args:
        task: A step; its component's name is a key of `NEEDS`.
        title: Its name in the user interface.
        parameters: The pipeline's parameters, with those of `KubernetesSettings`.
    """
    name = task.component_spec.name
    needs = NEEDS[name]
    task.set_display_name(title)
    task.set_cpu_request(needs.cpu[0]).set_cpu_limit(needs.cpu[1])
    task.set_memory_request(needs.memory[0]).set_memory_limit(needs.memory[1])
    seconds = int(needs.hours * 3600)
    # Argo takes the last one not for the longest pause, but for the end of all attempts.
    task.set_retry(3, backoff_duration="60s", backoff_factor=2, backoff_max_duration=f"{seconds}s")
    task.set_caching_options(needs.cached)
    task.set_container_image(parameters["train_image" if name == "train" else "image"])
    kubernetes.set_timeout(task, seconds)
    kubernetes.set_security_context(
        task, run_as_user=_USER, run_as_group=_USER, run_as_non_root=True
    )
    kubernetes.use_field_path_as_env(task, RUN_ID_VARIABLE, "metadata.labels['pipeline/runid']")
    _let_in(task)
    if name == "train":
        _put_on_gpus(task, parameters)
    return task


def _let_in(task: PipelineTask) -> None:
    # Secrets are mounted as files: an environment is too easily printed. MLflow looks for its own
    # in the home folder; Google's client looks where the variable says.
    for variable, optional in (
        ("MLFLOW_TRACKING_URI", False),
        ("GOOGLE_APPLICATION_CREDENTIALS", True),
    ):
        kubernetes.use_config_map_as_env(task, "captionflow", {variable: variable}, optional)
    kubernetes.use_secret_as_volume(task, "mlflow-credentials", "/home/captionflow/.mlflow")
    kubernetes.use_secret_as_volume(task, "gcs-key", "/var/run/secrets/gcs", optional=True)


def _put_on_gpus(task: PipelineTask, parameters: Parameters) -> None:
    task.set_accelerator_type(GPU).set_accelerator_limit(parameters["gpus"])
    kubernetes.add_toleration_json(task, _GPU_NODES)
    kubernetes.add_node_selector_json(task, parameters["train_nodes"])
    # The step's working folder is /work, and the setting `checkpoints` is relative to it.
    kubernetes.mount_pvc(task, "captionflow-checkpoints", "/work/checkpoints")
