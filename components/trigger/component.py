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
    members: int,
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
    consensus: float,
    floors: str,
    tolerance: float,
    force: bool,
    model_name: str,
    experiment: str,
) -> NamedTuple("Trigger", [("Output", bool), ("reason", str), ("recipe", str), ("origin", str)]):  # type: ignore[valid-type] # KFP's own form
    """Ends the run early if the champion was made of the same data, encoder and settings.

    See `components.trigger.decision.find_reason`.
    """
    from components.runtime.execution import running

    with running("trigger") as ready:
        from components.trigger.decision import find_reason
        from components.trigger.training_config import make_recipe

        ready()
        recipe = make_recipe(
            manifest.path, encoder=encoder, encoder_weights=encoder_weights, glove=glove,
            min_count=min_count, decoder=decoder, members=members, units=units,
            embedding_width=embedding_width, dropout=dropout, train_embeddings=train_embeddings,
            epochs=epochs, batch_size=batch_size, learning_rate=learning_rate, schedule=schedule,
            weight_decay=weight_decay, clip_norm=clip_norm, label_smoothing=label_smoothing,
            patience=patience, max_words=max_words, precision=precision, seed=seed,
            beam_width=beam_width, length_penalty=length_penalty, consensus=consensus,
        )  # fmt: skip
        reason = find_reason(
            recipe, model_name=model_name, experiment=experiment,
            floors=floors, tolerance=tolerance, force=force,
        )  # fmt: skip
        # A plain tuple: kfp.local can test a condition on an output only if it is named "Output".
        return (reason.train, reason.text, recipe.to_json(), recipe.origin)
