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
    gpus: str,
    model: Output[Model],
) -> None:
    """Trains the caption model.

    `run_config` and `dataset_summary` are recorded in MLflow. See
    `components.train.run.train_model`.
    """
    from components.runtime.execution import run_step

    with run_step("train", examples, captions, matrix) as ready:
        from components.settings.train import TrainSettings
        from components.train.devices import require_gpus
        from components.train.run import train_model

        ready()
        require_gpus(int(gpus))
        training = train_model(
            examples.path, captions.path, matrix.path, model.path,
            settings=TrainSettings.check(settings),
            run_config=run_config, dataset_summary=dataset_summary,
        )  # fmt: skip
        model.metadata.update(
            mlflow_run_id=training["mlflow_run_id"], best_epoch=training["best_epoch"]
        )
