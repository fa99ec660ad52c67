"""Where steps run on a cluster, and what each of them needs there.

What a step does is in `components`, the order of the steps in `pipeline.dag`; here is what only
Kubernetes reads. `kfp.local` ignores all of it.

**KFP's own cache is off for every step.** Its key holds the *ids* of a step's input artifacts, not
their content, and a step that runs gives its outputs new ids. `ingest` has to run each time, since
only reading the data set tells whether it changed, so no step after it would ever be served. A step
that looked at the origin first and gave its fingerprint as a parameter would cure that, but not the
rest: one added photo is another fingerprint, so all photos would be encoded again; the key takes
the image's tag for its code; and KFP hands out the address of an artifact without looking whether
the file is still there. The expensive work is kept where content decides: the feature store holds
each photo's features by the SHA-256 of its bytes (`components.features.store`), on a volume that
the runs share, and `train` goes on from its checkpoints. `trigger` ends a run that has no reason to
train, and the other steps take seconds to minutes.
"""

from dataclasses import dataclass

from kfp import kubernetes
from kfp.dsl import PipelineConfig, PipelineTask
from kfp.dsl.pipeline_channel import PipelineParameterChannel

from components.runtime.retry_policy import RUN_ID_VARIABLE
from pipeline.kfp_patches import quick_settings
from pipeline.kubernetes_settings import SPOT
from pipeline.parameters import Parameters

GPU = "nvidia.com/gpu"
# The user of the image; the claim for checkpoints belongs to the same group.
_USER = 10001
_GPU_NODES = [
    {"key": GPU, "operator": "Exists", "effect": "NoSchedule"},
    {"key": SPOT, "operator": "Equal", "value": "true", "effect": "NoSchedule"},
]


@dataclass(frozen=True)
class Needs:
    """What a step needs on a cluster.

    Attributes:
        cpu: CPUs asked for, and at most.
        memory: Bytes asked for, and at most, as Kubernetes writes them.
        hours: The longest it may take, all attempts together.
    """

    cpu: tuple[str, str]
    memory: tuple[str, str]
    hours: float


NEEDS = {
    "ingest": Needs(("1", "2"), ("2Gi", "4Gi"), hours=2),
    "trigger": Needs(("500m", "1"), ("1Gi", "2Gi"), hours=0.5),
    "normalize": Needs(("1", "2"), ("3Gi", "8Gi"), hours=2),
    "features": Needs(("2", "4"), ("6Gi", "12Gi"), hours=12),
    "embeddings": Needs(("500m", "1"), ("1Gi", "4Gi"), hours=1),
    "train": Needs(("2", "4"), ("8Gi", "16Gi"), hours=24),
    "evaluate": Needs(("2", "4"), ("4Gi", "8Gi"), hours=4),
    "rescore": Needs(("2", "4"), ("4Gi", "8Gi"), hours=4),
    "gate": Needs(("500m", "1"), ("1Gi", "2Gi"), hours=0.5),
    "register": Needs(("1", "2"), ("4Gi", "8Gi"), hours=2),
}

#: Volumes that outlive a run, by the step that mounts them: claim and folder. A step's working
#: folder is /work, and the settings `store` and `checkpoints` are relative to it.
VOLUMES = {
    "features": ("captionflow-features", "/work/features"),
    "train": ("captionflow-checkpoints", "/work/checkpoints"),
}

_HOUR = 3600
#: What holds for a run as a whole. A step's own deadline does not count while its pod waits for a
#: node; a run that waits for ever would keep its schedule from starting the next one. Pods of a
#: failed run stay for a week so that their logs can be read; of others, as long as KFP keeps them.
#: (KFP's workspace volume is not used: it would bind all steps of a run, with and without a GPU, to
#: the one node that has the volume mounted.)
RUN = PipelineConfig(
    active_deadline_seconds=72 * _HOUR,
    ttl_seconds_after_success=_HOUR,
    ttl_seconds_after_failure=7 * 24 * _HOUR,
)


@quick_settings()
def configure(task: PipelineTask, title: str, parameters: Parameters) -> PipelineTask:
    """Gives a task of the DAG what it needs on a cluster.

    A step is tried again up to three times, a minute later and then after twice as long each time,
    within its hours. *What* is tried again is set on the cluster: KFP's `set_retry` has no policy,
    and KFP sets up Argo with `retryPolicy: OnError`. So a pod that was deleted is tried again; a
    step that failed or ran out of memory is not (`infra/README.md` has a table). Where a cluster
    retries failures too, `components.runtime.retry_policy` ends the further attempts of a step
    whose data or settings are at fault.

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
    seconds = int(needs.hours * _HOUR)
    # Argo takes the last one not for the longest pause, but for the end of all attempts.
    task.set_retry(3, backoff_duration="60s", backoff_factor=2, backoff_max_duration=f"{seconds}s")
    task.set_caching_options(False)
    task.set_container_image(parameters["train_image" if name == "train" else "image"])
    kubernetes.set_timeout(task, seconds)
    kubernetes.set_security_context(
        task, run_as_user=_USER, run_as_group=_USER, run_as_non_root=True
    )
    kubernetes.use_field_path_as_env(task, RUN_ID_VARIABLE, "metadata.labels['pipeline/runid']")
    _let_in(task)
    if name in VOLUMES:
        kubernetes.mount_pvc(task, *VOLUMES[name])
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
    task.set_accelerator_type(GPU).set_accelerator_limit(as_text(parameters["gpus"]))
    kubernetes.add_toleration_json(task, _GPU_NODES)
    kubernetes.add_node_selector_json(task, parameters["train_nodes"])


def as_text(number: PipelineParameterChannel) -> PipelineParameterChannel:
    """Returns a parameter that steps receive as text, whatever its type in the pipeline.

    KFP's driver reads what goes into a pod's resources with `GetStringValue`, which is empty for a
    number: the pod would quietly get no GPU. But where an input is declared as text, it makes text
    of the number first. (Sources: `resolvePodSpecInputRuntimeParameter` and
    `handleParamTypeValidationAndConversion` in `backend/src/v2/driver/resolve.go` of KFP 2.17.)
    """
    return PipelineParameterChannel(number.name, "String", number.task_name)
