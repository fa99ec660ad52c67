"""Kubernetes resources, volumes, secrets and retries of each step.

`components` defines what a step does, and `pipeline.dag` the order of the steps; this module
contains what only Kubernetes reads. `kfp.local` ignores all of it.

**KFP's own cache is off for every step.** Its key contains the *ids* of a step's input artifacts,
not their content, and a step that runs gives its outputs new ids. `ingest` has to run every time,
because only reading the data set shows whether it changed; so no later step would ever be cached. A
preceding step that passed on a fingerprint of the data set would solve this, but three problems
would remain: one added photo changes the fingerprint, so all photos would be encoded again; the key
identifies the code by the image's tag; and KFP returns the URI of a cached artifact without
checking that the file still exists. Expensive work is therefore stored by content: the feature
store, on a volume that all runs share, holds each photo's features by the SHA-256 of its bytes
(`components.features.store`), and `train` resumes from its checkpoints. `trigger` ends a run that
has no reason to train, and the other steps take seconds to minutes.
"""

from dataclasses import dataclass

from kfp import kubernetes
from kfp.dsl import PipelineConfig, PipelineTask
from kfp.dsl.pipeline_channel import PipelineParameterChannel

from components.runtime.kubeflow_run import (
    MAX_RUN_AGE,
    POD_ID_VARIABLE,
    POD_VARIABLE,
    UI_URL_VARIABLE,
)
from components.runtime.retry_policy import RUN_ID_VARIABLE
from pipeline.kfp_patches import quick_settings
from pipeline.kubernetes_settings import SPOT
from pipeline.parameters import Parameters

GPU = "nvidia.com/gpu"
# User id of the image, and group id of the volumes.
_USER = 10001
_GPU_NODES = [
    {"key": GPU, "operator": "Exists", "effect": "NoSchedule"},
    {"key": SPOT, "operator": "Equal", "value": "true", "effect": "NoSchedule"},
]


@dataclass(frozen=True)
class Resources:
    """The resources of a step on a cluster.

    Attributes:
        cpu: Requested CPUs, and the limit.
        memory: Requested memory, and the limit, as Kubernetes quantities.
        hours: Time limit of all attempts together.
    """

    cpu: tuple[str, str]
    memory: tuple[str, str]
    hours: float


RESOURCES = {
    "ingest": Resources(("1", "2"), ("2Gi", "8Gi"), hours=2),
    "trigger": Resources(("500m", "1"), ("1Gi", "2Gi"), hours=0.5),
    "normalize": Resources(("1", "2"), ("3Gi", "8Gi"), hours=2),
    "features": Resources(("2", "4"), ("6Gi", "12Gi"), hours=12),
    "embeddings": Resources(("500m", "1"), ("1Gi", "4Gi"), hours=1),
    "train": Resources(("2", "4"), ("8Gi", "16Gi"), hours=24),
    "evaluate": Resources(("2", "4"), ("4Gi", "8Gi"), hours=4),
    "rescore": Resources(("2", "4"), ("4Gi", "8Gi"), hours=4),
    "gate": Resources(("500m", "1"), ("1Gi", "2Gi"), hours=0.5),
    "register": Resources(("1", "2"), ("4Gi", "8Gi"), hours=2),
}

#: Claim and mount path of the volumes that outlive a run, by the step that mounts them. The steps'
#: working directory is /work, and the settings `store` and `checkpoints` are relative to it.
VOLUMES = {
    "ingest": ("captionflow-features", "/work/features"),
    "features": ("captionflow-features", "/work/features"),
    "train": ("captionflow-checkpoints", "/work/checkpoints"),
}

_HOUR = 3600
#: Time limits of a whole run. The deadline of a step does not include the time that its pod waits
#: for a node, and a run that waits forever would keep its schedule from starting the next one. The
#: pods of a failed run are deleted after a week, so that their logs can be read until then. (KFP's
#: workspace volume is not used: it would bind all steps of a run, with and without a GPU, to the
#: one node that has mounted it.)
RUN = PipelineConfig(
    active_deadline_seconds=int(MAX_RUN_AGE.total_seconds()),
    ttl_seconds_after_success=_HOUR,
    ttl_seconds_after_failure=7 * 24 * _HOUR,
)


@quick_settings()
def configure(task: PipelineTask, title: str, parameters: Parameters) -> PipelineTask:
    """Sets the resources, volumes, secrets and retries of a task of the DAG.

    A step is retried up to three times within its time limit: after one, two and four minutes. The
    cluster decides *which* failures are retried: KFP's `set_retry` takes no policy, and KFP
    configures Argo with `retryPolicy: OnError`. So a step whose pod was deleted is retried, and a
    step that failed or ran out of memory is not (see the table in `infra/README.md`). On a cluster
    that also retries failures, `components.runtime.retry_policy` ends further attempts of a step
    that failed because of its data or settings.

    The security context has only what KFP 2.17 offers: user, group and `runAsNonRoot`. KFP's
    compiler adds the rest to every pod of a run: no privilege escalation, no capabilities, seccomp
    profile `RuntimeDefault` (backend/src/v2/compiler/argocompiler/security_context.go). A read-only
    root file system can't be set: `SecurityContext` in kubernetes_executor_config.proto has no
    field for it.

    Args:
        task: A step; its component's name is a key of `RESOURCES`.
        title: Its display name in the user interface.
        parameters: The pipeline's parameters, including those of `KubernetesSettings`.
    """
    name = task.component_spec.name
    resources = RESOURCES[name]
    task.set_display_name(title)
    task.set_cpu_request(resources.cpu[0]).set_cpu_limit(resources.cpu[1])
    task.set_memory_request(resources.memory[0]).set_memory_limit(resources.memory[1])
    seconds = int(resources.hours * _HOUR)
    # Argo's maximum duration limits all attempts together, not a single pause.
    task.set_retry(3, backoff_duration="60s", backoff_factor=2, backoff_max_duration=f"{seconds}s")
    task.set_caching_options(False)
    task.set_container_image(parameters["train_image" if name == "train" else "image"])
    kubernetes.set_timeout(task, seconds)
    kubernetes.set_security_context(
        task, run_as_user=_USER, run_as_group=_USER, run_as_non_root=True
    )
    kubernetes.use_field_path_as_env(task, RUN_ID_VARIABLE, "metadata.labels['pipeline/runid']")
    _mount_credentials(task)
    if name in VOLUMES:
        kubernetes.mount_pvc(task, *VOLUMES[name])
    if name == "train":
        _set_config(task, UI_URL_VARIABLE, optional=True)
        _request_gpus(task, parameters)
        # The owner of a TrainJob: if the pod is deleted, so is the job.
        kubernetes.use_field_path_as_env(task, POD_VARIABLE, "metadata.name")
        kubernetes.use_field_path_as_env(task, POD_ID_VARIABLE, "metadata.uid")
    return task


def _mount_credentials(task: PipelineTask) -> None:
    # Secrets are mounted as files, because environments are easily printed. MLflow reads its
    # credentials from the home folder, Google's client from the path in the variable.
    _set_config(task, "MLFLOW_TRACKING_URI")
    _set_config(task, "GOOGLE_APPLICATION_CREDENTIALS", optional=True)
    kubernetes.use_secret_as_volume(task, "mlflow-credentials", "/home/captionflow/.mlflow")
    kubernetes.use_secret_as_volume(task, "gcs-key", "/var/run/secrets/gcs", optional=True)


def _set_config(task: PipelineTask, variable: str, *, optional: bool = False) -> None:
    kubernetes.use_config_map_as_env(task, "captionflow", {variable: variable}, optional)


def _request_gpus(task: PipelineTask, parameters: Parameters) -> None:
    task.set_accelerator_type(GPU).set_accelerator_limit(as_text(parameters["gpus"]))
    kubernetes.add_toleration_json(task, _GPU_NODES)
    kubernetes.add_node_selector_json(task, parameters["train_nodes"])


def as_text(number: PipelineParameterChannel) -> PipelineParameterChannel:
    """Returns a parameter that a step receives as text, whatever its type in the pipeline.

    KFP's driver reads the parameters of a pod's resources with `GetStringValue`, which is empty for
    a number: the pod would get no GPU, without an error. For an input that is declared as text, the
    driver converts the number to text first. (Sources: `resolvePodSpecInputRuntimeParameter` and
    `handleParamTypeValidationAndConversion` in `backend/src/v2/driver/resolve.go` of KFP 2.17.)
    """
    return PipelineParameterChannel(number.name, "String", number.task_name)
