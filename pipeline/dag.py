"""The DAG: from photos with captions to a registered model.

1. ingest      reads the data set, checks every photo, splits
2. trigger     is anything otherwise than when the champion was made? If so:
3. normalize   captions to token ids, with a vocabulary from the train split
4. features    photos to numbers, by a pretrained encoder
5. embeddings  GloVe vectors for the vocabulary
6. train       the caption network, with early stopping on the dev split
7. evaluate    captions for the test split, BLEU, a report
8. rescore     the champion's captions for the same test split
9. gate        good enough, and better than the champion? If so:
10. register   a new version in the MLflow registry, the new champion

The parameters are the fields of `pipeline.config.Settings` and
`pipeline.kubernetes.KubernetesSettings`. `python -m pipeline.local` runs it here; `python -m
pipeline.kubeflow compile`, or `kfp dsl compile
--py pipeline/dag.py --output FILE`, makes the package for a cluster.
"""

from kfp import dsl

from components.embeddings.component import embeddings
from components.evaluate.component import evaluate
from components.features.component import features
from components.gate.component import gate
from components.ingest.component import ingest
from components.normalize.component import normalize
from components.register.component import register
from components.rescore.component import rescore
from components.train.component import train
from components.trigger.component import trigger
from pipeline.config import Settings
from pipeline.kubernetes import RUN, KubernetesSettings, as_text, configure
from pipeline.parameters import Parameters, parameters_of


@dsl.pipeline(name="captionflow", pipeline_config=RUN)
@parameters_of(Settings, KubernetesSettings)
def captioning_pipeline(run: Parameters) -> None:
    """Learns to describe photos, scores what it learnt, and releases it if it is good."""
    ingested = ingest(
        **run.pick("dataset", "scenes", "seed", "dev_share", "test_share"),
        **run.pick("max_quarantined", "max_missing", "beam_flags"),
    )
    manifest = configure(ingested, "1 ingest", run).outputs["manifest"]

    reason = trigger(
        manifest=manifest,
        **run.pick("encoder", "encoder_weights", "glove", "min_count", "decoder", "ensemble_size"),
        **run.pick("units", "embedding_width", "dropout", "train_embeddings"),
        **run.pick("epochs", "batch_size", "learning_rate", "schedule", "weight_decay"),
        **run.pick("clip_norm", "label_smoothing", "patience", "max_words", "precision"),
        **run.pick("seed", "beam_width", "length_penalty", "reranking_weight"),
        **run.pick("floors", "margin", "force", "model_name", "experiment"),
    )
    wanted = configure(reason, "2 trigger", run).outputs["Output"]

    with dsl.If(wanted == True, name="reason to train"):  # noqa: E712 # KFP makes a condition of it
        normalized = normalize(manifest=manifest, **run.pick("min_count", "beam_flags"))
        captions = configure(normalized, "3 normalize", run).outputs["captions"]

        extracted = features(
            manifest=manifest,
            captions=captions,
            **run.pick("encoder", "encoder_weights", "encoder_batch", "seed"),
            **run.pick("precision", "beam_flags", "store"),
        )
        examples = configure(extracted, "4 features", run).outputs["examples"]

        embedded = embeddings(captions=captions, **run.pick("glove", "seed"))
        matrix = configure(embedded, "5 embeddings", run).outputs["matrix"]

        trained = train(
            examples=examples,
            captions=captions,
            matrix=matrix,
            **run.pick("decoder", "ensemble_size", "units", "embedding_width", "dropout"),
            **run.pick("train_embeddings"),
            **run.pick("epochs", "batch_size", "learning_rate", "schedule", "weight_decay"),
            **run.pick("clip_norm", "label_smoothing", "patience", "max_words", "precision"),
            **run.pick("seed", "experiment", "checkpoints"),
            gpus=as_text(run["gpus"]),
        )
        model = configure(trained, "6 train", run).outputs["model"]

        evaluated = evaluate(
            model=model,
            examples=examples,
            manifest=manifest,
            **run.pick("beam_width", "length_penalty", "reranking_weight"),
        )
        scores = configure(evaluated, "7 evaluate", run).outputs["scores"]

        rescored = rescore(examples=examples, manifest=manifest, **run.pick("model_name"))
        # Last of all: whoever is champion once there is something to compare.
        baseline = configure(rescored.after(evaluated), "8 rescore", run).outputs["baseline"]

        decision = gate(
            model=model,
            scores=scores,
            report=evaluated.outputs["report"],
            baseline=baseline,
            training_config=reason.outputs["training_config"],
            **run.pick("floors", "margin", "model_name", "experiment"),
        )
        passed = configure(decision, "9 gate", run).outputs["Output"]

        with dsl.If(passed == True, name="passed"):  # noqa: E712 # KFP makes a condition of it
            registered = register(
                model=model,
                scores=scores,
                manifest=manifest,
                training_config=reason.outputs["training_config"],
                cause=reason.outputs["reason"],
                reason=decision.outputs["reason"],
                compared_with=decision.outputs["champion"],
                **run.pick("model_name"),
            )
            configure(registered, "10 register", run)
