"""The KFP step `train`."""

from typing import Any

from kfp.dsl import Artifact, Dataset, Input, Model, Output

from components.runtime.step import step
from components.settings.train import TrainSettings


@step(TrainSettings)
def train(
    settings: dict[str, Any],
    examples: Input[Dataset],
    captions: Input[Dataset],
    matrix: Input[Artifact],
    run_config: str,
    dataset_summary: str,
    run_name: str,
    gpus: str,
    train_workers: str,
    worker_gpus: str,
    worker_image: str,
    model: Output[Model],
) -> None:
    """Trains the caption model, in this pod or in several pods of Kubeflow Trainer.

    `run_config`, `dataset_summary` and `run_name` are recorded in MLflow. See
    `components.train.run.train_model` and `components.train.cluster.train_job`.
    """
    from components.runtime.execution import run_step

    with run_step("train", examples, captions, matrix) as ready:
        from components.settings.train import TrainSettings
        from components.train.cluster.pod_settings import require_one_kind_of_pod
        from components.train.cluster.train_job import TrainJob, run_train_job
        from components.train.devices import require_gpus
        from components.train.run import train_model
        from components.train.tracking import PipelineRun

        ready()
        require_one_kind_of_pod(int(train_workers), int(gpus), int(worker_gpus))
        checked = TrainSettings.check(settings)
        pipeline_run = PipelineRun(run_config, dataset_summary, run_name)
        if int(train_workers) > 1:
            artifacts = {"examples": examples.uri, "captions": captions.uri, "matrix": matrix.uri}
            job = TrainJob(int(train_workers), int(worker_gpus), worker_image, artifacts, model.uri)
            training = run_train_job(job, checked, pipeline_run)
        else:
            require_gpus(int(gpus))
            training = train_model(
                examples.path, captions.path, matrix.path, model.path,
                settings=checked, pipeline_run=pipeline_run,
            )  # fmt: skip
        names = ("mlflow_run_id", "best_epoch", "checkpoint")
        model.metadata.update({name: training[name] for name in names})
