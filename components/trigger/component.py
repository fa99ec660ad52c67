"""The KFP step `trigger`."""

from typing import NamedTuple

from kfp.dsl import Dataset, Input

from components.runtime.step import step


@step
def trigger(
    manifest: Input[Dataset],
    encoder: str,
    encoder_weights: str,
    glove: str,
    min_count: int,
    decoder: str,
    ensemble_size: int,
    units: int,
    embedding_width: int,
    dropout: float,
    train_embeddings: bool,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    schedule: str,
    weight_decay: float,
    clip_norm: float,
    label_smoothing: float,
    patience: int,
    max_words: int,
    precision: str,
    seed: int,
    beam_width: int,
    length_penalty: float,
    reranking_weight: float,
    floors: str,
    margin: float,
    force: bool,
    model_name: str,
    experiment: str,
) -> NamedTuple("Trigger", [("Output", bool), ("reason", str), ("training_config", str)]):  # type: ignore[valid-type] # KFP's own form
    """Ends the run early if the champion was made of the same data, encoder and settings.

    See `components.trigger.decision.find_reason`.
    """
    from components.runtime.execution import run_step

    with run_step("trigger") as ready:
        from components.trigger.decision import find_reason
        from components.trigger.training_config import make_training_config

        ready()
        training_config = make_training_config(
            manifest.path, encoder=encoder, encoder_weights=encoder_weights, glove=glove,
            min_count=min_count, decoder=decoder, ensemble_size=ensemble_size, units=units,
            embedding_width=embedding_width, dropout=dropout, train_embeddings=train_embeddings,
            epochs=epochs, batch_size=batch_size, learning_rate=learning_rate, schedule=schedule,
            weight_decay=weight_decay, clip_norm=clip_norm, label_smoothing=label_smoothing,
            patience=patience, max_words=max_words, precision=precision, seed=seed,
            beam_width=beam_width, length_penalty=length_penalty, reranking_weight=reranking_weight,
        )  # fmt: skip
        reason = find_reason(
            training_config, model_name=model_name, experiment=experiment,
            floors=floors, margin=margin, force=force,
        )  # fmt: skip
        # A plain tuple: kfp.local can test a condition on an output only if it is named "Output".
        return (reason.train, reason.text, training_config.to_json())
