"""Training by several pods: the step's pod creates a TrainJob of Kubeflow Trainer, and waits.

The workers run `components.train.worker`, as `infra/trainer` describes. They read the artifacts
from where Kubeflow Pipelines keeps them, and the first worker writes the model there, so the pod of
the step itself reads no examples and needs no GPU.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from components.artifacts.files import TRAINING_FILE
from components.errors import SettingError
from components.runtime.kubeflow_run import POD_ID_VARIABLE, POD_VARIABLE
from components.runtime.retry_policy import RUN_ID_VARIABLE
from components.settings.train import TrainSettings
from components.storage.reading import read_bytes
from components.train.shared_checkpoints import require_shared_checkpoints
from components.train.tracking import PipelineRun

#: Kubeflow Trainer's API.
GROUP, VERSION = "trainer.kubeflow.org", "v1alpha1"
#: Name of the TrainingRuntime in infra/trainer.
RUNTIME = "captionflow"


@dataclass(frozen=True)
class TrainJob:
    """The workers of a distributed training run, and what they read and write.

    Attributes:
        workers: Number of workers, at least 2.
        gpus: GPUs of each worker, 0 or 1.
        image: Container image of the workers.
        artifacts: URIs of `examples`, `captions` and `matrix`.
        model: URI of the model to write.
    """

    workers: int
    gpus: int
    image: str
    artifacts: Mapping[str, str]
    model: str

    def manifest(self, pipeline_run: PipelineRun, environment: Mapping[str, str]) -> dict[str, Any]:
        """Returns the Kubernetes object.

        All attempts of the step in a KFP run give it the same name, so that the cluster has at most
        one of them: two would write the same checkpoint. If the pod of the step is deleted,
        Kubernetes deletes the TrainJob too.

        Args:
            pipeline_run: Its `config` includes the training settings.
            environment: The environment variables of the step's pod.
        """
        arguments = {
            "workers": str(self.workers),
            "worker-gpus": str(self.gpus),
            **self.artifacts,
            "model": self.model,
            "settings": pipeline_run.config,
            "dataset-summary": pipeline_run.dataset_summary,
            "run-name": pipeline_run.kfp_name,
        }
        trainer: dict[str, Any] = {
            "image": self.image,
            "numNodes": self.workers,
            # Kubernetes would replace $(NAME) by the value of a variable.
            "args": [f"--{name}={value}".replace("$(", "$$(") for name, value in arguments.items()],
        }
        if RUN_ID_VARIABLE in environment:
            # So that a retry of the step resumes from the checkpoint.
            trainer["env"] = [{"name": RUN_ID_VARIABLE, "value": environment[RUN_ID_VARIABLE]}]
        if self.gpus:
            trainer["resourcesPerNode"] = {"limits": {"nvidia.com/gpu": str(self.gpus)}}
        run = environment.get(RUN_ID_VARIABLE) or self.model
        # Short: JobSet's names of pods and hosts, which begin with it, have at most 63 characters.
        metadata: dict[str, Any] = {
            "name": f"captionflow-train-{sha256(run.encode()).hexdigest()[:16]}"
        }
        if POD_ID_VARIABLE in environment:
            owner = {"apiVersion": "v1", "kind": "Pod", "name": environment[POD_VARIABLE]}
            metadata["ownerReferences"] = [{**owner, "uid": environment[POD_ID_VARIABLE]}]
        return {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": "TrainJob",
            "metadata": metadata,
            "spec": {
                "runtimeRef": {"apiGroup": GROUP, "kind": "TrainingRuntime", "name": RUNTIME},
                "trainer": trainer,
            },
        }


def run_train_job(
    job: TrainJob, settings: TrainSettings, pipeline_run: PipelineRun
) -> dict[str, Any]:
    """Trains a model with several workers, and waits until they have written it.

    Args:
        job: The workers, and what they read and write.
        settings: The training settings, which are also in `pipeline_run.config`.
        pipeline_run: What MLflow records of the pipeline run.

    Returns:
        The content of the model's `training.json`.

    Raises:
        SettingError: If artifacts or checkpoints are where workers can't reach them, this process
            does not run in a cluster, or the cluster refuses the job.
        CaptionflowError: If the job failed, or Kubernetes no longer answers.
    """
    require_shared_checkpoints(settings.checkpoints, job.workers)
    for uri in (*job.artifacts.values(), job.model):
        if not uri.startswith(("gs://", "s3://")):
            raise SettingError(
                "train_workers above 1 needs a cluster whose artifacts are at gs:// or s3://: set "
                "defaultPipelineRoot in KFP's ConfigMap kfp-launcher, see infra/trainer. Received "
                f"with {job.workers} workers: {uri}"
            )
    # Kubernetes' client takes a second to import, and training in this pod does not need it.
    from components.train.cluster.jobs import connect

    connect(GROUP, VERSION).run(job.manifest(pipeline_run, os.environ))
    training: dict[str, Any] = json.loads(read_bytes(f"{job.model}/{TRAINING_FILE}"))
    # The first worker has removed the checkpoint.
    return {**training, "checkpoint": ""}
