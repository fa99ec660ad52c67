"""The DAG: from photos with captions to a registered model.

1. ingest      reads the data set, checks every photo, splits
2. normalize   captions to token ids, with a vocabulary from the train split
3. features    photos to numbers, by a pretrained encoder
4. embeddings  GloVe vectors for the vocabulary
5. train       the caption network, with early stopping on the dev split
6. evaluate    captions for the test split, BLEU, a report
7. gate        good enough, and not worse than the champion?
8. register    if so: a new version in the MLflow registry, the new champion

The parameters are the fields of `pipeline.config.Settings`. `python -m pipeline.local` runs it
here; `kfp dsl compile --py pipeline/dag.py --output FILE` makes the package for a cluster.
"""

from typing import NamedTuple

from kfp import dsl

from components.embeddings.component import embeddings
from components.evaluate.component import evaluate
from components.features.component import features
from components.gate.component import gate
from components.ingest.component import ingest
from components.normalize.component import normalize
from components.register.component import register
from components.train.component import train
from pipeline.config import Settings
from pipeline.parameters import Parameters, parameters_of


class Outcome(NamedTuple):
    """What a run comes to: whether its model was released, and why."""

    passed: bool
    reason: str


@dsl.pipeline(name="captionflow")
@parameters_of(Settings)
def captioning_pipeline(settings: Parameters) -> Outcome:
    """Learns to describe photos, scores what it learnt, and releases it if it is good."""
    ingested = ingest(
        **settings.pick("dataset", "scenes", "seed", "dev_share", "test_share"),
        **settings.pick("max_quarantined", "beam_flags"),
    ).set_display_name("1 ingest")
    manifest = ingested.outputs["manifest"]

    normalized = normalize(
        manifest=manifest, **settings.pick("min_count", "beam_flags")
    ).set_display_name("2 normalize")
    captions = normalized.outputs["captions"]

    extracted = features(
        manifest=manifest,
        captions=captions,
        **settings.pick("encoder", "encoder_weights", "encoder_batch", "seed", "beam_flags"),
    ).set_display_name("3 features")
    examples = extracted.outputs["examples"]

    embedded = embeddings(captions=captions, **settings.pick("glove", "seed")).set_display_name(
        "4 embeddings"
    )

    trained = train(
        examples=examples,
        captions=captions,
        matrix=embedded.outputs["matrix"],
        **settings.pick("units", "dropout", "train_embeddings", "epochs", "batch_size"),
        **settings.pick("learning_rate", "schedule", "weight_decay", "clip_norm"),
        **settings.pick("label_smoothing", "patience", "max_words", "precision", "seed"),
        **settings.pick("experiment", "checkpoints"),
    ).set_display_name("5 train")
    model = trained.outputs["model"]

    evaluated = evaluate(
        model=model,
        examples=examples,
        manifest=manifest,
        **settings.pick("beam_width", "length_penalty"),
    ).set_display_name("6 evaluate")
    scores = evaluated.outputs["scores"]

    # What the registry holds decides, not the inputs alone: never from the cache.
    decision = (
        gate(
            model=model,
            scores=scores,
            report=evaluated.outputs["report"],
            **settings.pick("model_name", "bleu4_floor", "tolerance"),
        )
        .set_display_name("7 gate")
        .set_caching_options(False)
    )

    passed = decision.outputs["Output"]
    with dsl.If(passed == True, name="passed"):  # noqa: E712 # KFP makes a condition of it
        register(
            model=model,
            scores=scores,
            manifest=manifest,
            reason=decision.outputs["reason"],
            **settings.pick("model_name"),
        ).set_display_name("8 register").set_caching_options(False)

    return Outcome(passed, decision.outputs["reason"])
