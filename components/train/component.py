"""The KFP step `train`."""

from kfp.dsl import Artifact, Dataset, Input, Model, Output

from components.runtime.step import step


@step
def train(
    examples: Input[Dataset],
    captions: Input[Dataset],
    matrix: Input[Artifact],
    epochs: int,
    batch_size: int,
    decoder: str,
    ensemble_size: int,
    units: int,
    embedding_width: int,
    dropout: float,
    train_embeddings: bool,
    learning_rate: float,
    schedule: str,
    weight_decay: float,
    clip_norm: float,
    label_smoothing: float,
    patience: int,
    max_words: int,
    precision: str,
    seed: int,
    experiment: str,
    checkpoints: str,
    gpus: str,
    model: Output[Model],
) -> None:
    """Trains the caption network.

    See `components.train.run.train_model`.
    """
    from components.runtime.execution import run_step

    with run_step("train") as ready:
        from components.train.devices import require_gpus
        from components.train.run import train_model
        from components.train.settings import check_settings

        ready()
        require_gpus(gpus)
        settings = check_settings(
            decoder=decoder, ensemble_size=ensemble_size, units=units,
            embedding_width=embedding_width, dropout=dropout, train_embeddings=train_embeddings,
            epochs=epochs, batch_size=batch_size,
            learning_rate=learning_rate, schedule=schedule, weight_decay=weight_decay,
            clip_norm=clip_norm, label_smoothing=label_smoothing, patience=patience,
            max_words=max_words, precision=precision, seed=seed,
        )  # fmt: skip
        training = train_model(
            examples.path, captions.path, matrix.path, model.path,
            settings=settings, experiment=experiment, checkpoints=checkpoints,
        )  # fmt: skip
        model.metadata.update(
            mlflow_run_id=training["mlflow_run_id"], best_epoch=training["best_epoch"]
        )
