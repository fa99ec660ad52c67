"""One worker of a training run on several nodes: the command that infra/trainer's pods run.

Every worker reads the artifacts; the first one writes the model. If a worker ends early, the others
fail, and Kubernetes starts all of them again: they resume from the last checkpoint, which is
removed when the model has been uploaded.
"""

import argparse
import json
import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import yaml

from components.errors import DataError, SettingError
from components.runtime.execution import run_step

if TYPE_CHECKING:
    from components.settings.train import TrainSettings

#: Environment variables that hold the name of the JobSet, and the index of the pod in its Job.
JOB_VARIABLE, INDEX_VARIABLE = "JOBSET_NAME", "JOB_COMPLETION_INDEX"
#: The port on which a worker listens for the others.
PORT = 29500
# Kubeflow Trainer's name for the Job of the workers in their JobSet.
_JOB = "node"
_ARTIFACTS = ("examples", "captions", "matrix")


def main() -> None:
    """Trains together with the other workers."""
    with run_step("train") as ready:
        args = _arguments()
        from components.storage.transfer import local_copy
        from components.storage.upload import upload
        from components.train.checkpoint import remove_checkpoint
        from components.train.devices import require_gpus
        from components.train.run import train_model
        from components.train.shared_checkpoints import require_shared_checkpoints
        from components.train.tracking import PipelineRun
        from components.train.workers import CLUSTER_VARIABLE, join_workers

        if args.workers > 1 and CLUSTER_VARIABLE not in os.environ:
            os.environ[CLUSTER_VARIABLE] = cluster_config(os.environ, args.workers)
        # Before anything that uses TensorFlow.
        workers = join_workers()
        ready()
        require_gpus(args.worker_gpus, setting="worker_gpus", image="worker_image")
        config, settings = _read_settings(args.settings or _read_config(args.config))
        require_shared_checkpoints(
            settings.checkpoints, workers.count, shared=args.shared_checkpoints
        )
        with TemporaryDirectory(prefix="captionflow-train-") as folder:
            examples, captions, matrix = (
                local_copy(getattr(args, name), Path(folder, name)) for name in _ARTIFACTS
            )
            _check([examples, captions, matrix])
            model = Path(folder, "model")
            training = train_model(
                examples,
                captions,
                matrix,
                model,
                settings=settings,
                pipeline_run=PipelineRun(config, args.dataset_summary, args.run_name),
                workers=workers,
            )
            if workers.is_chief:
                upload(model, args.model)
                remove_checkpoint(training["checkpoint"])


def cluster_config(environment: Mapping[str, str], workers: int) -> str:
    """Returns the value of `TF_CONFIG` for a pod of a TrainJob.

    JobSet names the pods of a Job `node` of a JobSet `captions` by their index:
    `captions-node-0-0.captions`, `captions-node-0-1.captions` and so on.

    Args:
        environment: Has `JOB_VARIABLE` and `INDEX_VARIABLE`.
        workers: Number of workers.

    Raises:
        SettingError: If a variable is missing.
    """
    try:
        job, index = environment[JOB_VARIABLE], environment[INDEX_VARIABLE]
    except KeyError as error:
        raise SettingError(
            f"Several workers need the variable {error.args[0]}, which the TrainingRuntime of "
            "infra/trainer sets. To start workers by hand, set TF_CONFIG"
        ) from error
    hosts = [f"{job}-{_JOB}-0-{worker}.{job}:{PORT}" for worker in range(workers)]
    return json.dumps(
        {"cluster": {"worker": hosts}, "task": {"type": "worker", "index": int(index)}}
    )


def _read_config(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"--config must be a YAML file of settings: {error}") from error


def _read_settings(text: str) -> tuple[str, "TrainSettings"]:
    """Returns all settings as YAML, and the training settings."""
    from components.settings.train import TrainSettings

    try:
        values: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SettingError(f"The settings must be YAML: {error}") from error
    if not isinstance(values, dict):
        raise SettingError(f"The settings must be YAML, values by name. Received: {values!r}")
    # A run's file also has the settings of the other steps.
    return text, TrainSettings.check(
        {name: value for name, value in values.items() if name in TrainSettings.model_fields}
    )


def _check(artifacts: list[Path]) -> None:
    from components.artifacts.checksums import directory_damage

    for artifact in artifacts:
        if damage := directory_damage(artifact):
            raise DataError(damage)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    for name in _ARTIFACTS:
        parser.add_argument(f"--{name}", required=True, help="artifact: local, gs:// or s3://")
    parser.add_argument("--model", required=True, help="where the model goes")
    settings = parser.add_mutually_exclusive_group(required=True)
    settings.add_argument("--config", type=Path, help="a run's run.yaml")
    settings.add_argument("--settings", help="the content of that file")
    parser.add_argument("--dataset-summary", default="", help="recorded in MLflow")
    parser.add_argument("--run-name", default="", help="recorded in MLflow")
    parser.add_argument("--workers", type=int, default=1, help="number of workers")
    parser.add_argument("--worker-gpus", type=int, default=0, help="GPUs that this worker needs")
    parser.add_argument(
        "--shared-checkpoints",
        action="store_true",
        help="the setting checkpoints is a local folder that all workers share",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
