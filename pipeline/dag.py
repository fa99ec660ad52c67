"""The DAG: from photos with captions to a registered model.

1. ingest      read the data set, check every photo, assign splits
2. trigger     has anything changed since the champion was trained? If so:
3. normalize   convert captions to token ids, with a vocabulary from the train split
4. features    convert photos to features, with a pretrained encoder
5. embeddings  look up GloVe vectors for the vocabulary
6. train       train the caption model, with early stopping on the dev split
7. evaluate    caption the test split, score the captions, write a report
8. rescore     caption the same test split with the champion
9. gate        is the model good enough, and better than the champion? If so:
10. register   register a new version in MLflow, as the champion or for approval

Its parameters are the settings of `components.settings` and of `pipeline.kubernetes`.
`captionflow run` runs it on this machine; `captionflow compile`, or `kfp dsl compile --py
pipeline/dag.py --output FILE`, makes the package for a cluster.
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
from components.settings.data import DataSettings, EmbeddingSettings, VocabularySettings
from components.settings.decoding import DecodingSettings
from components.settings.encoder import EncoderSettings
from components.settings.release import GateSettings, RegisterSettings
from components.settings.run import RunSettings
from components.settings.shared import ModelNameSettings
from components.settings.train import TrainSettings
from components.train.component import train
from components.trigger.component import trigger
from pipeline.kubernetes import RUN, as_text, configure
from pipeline.kubernetes_settings import KubernetesSettings
from pipeline.names import PIPELINE
from pipeline.parameters import Parameters, parameters_of


@dsl.pipeline(name=PIPELINE, pipeline_config=RUN)
@parameters_of(RunSettings, KubernetesSettings)
def captioning_pipeline(run: Parameters) -> None:
    """Trains a model that captions photos, scores it, and releases it if it is good enough."""
    ingested = ingest(**run.of(DataSettings))
    manifest = configure(ingested, "1 ingest", run).outputs["manifest"]

    reason = trigger(manifest=manifest, **run.of(RunSettings))
    wanted = configure(reason, "2 trigger", run).outputs["Output"]

    with dsl.If(wanted == True, name="reason to train"):  # noqa: E712 # KFP builds a condition from it
        normalized = normalize(manifest=manifest, **run.of(VocabularySettings))
        captions = configure(normalized, "3 normalize", run).outputs["captions"]

        extracted = features(manifest=manifest, captions=captions, **run.of(EncoderSettings))
        examples = configure(extracted, "4 features", run).outputs["examples"]

        embedded = embeddings(captions=captions, **run.of(EmbeddingSettings))
        matrix = configure(embedded, "5 embeddings", run).outputs["matrix"]

        trained = train(
            examples=examples,
            captions=captions,
            matrix=matrix,
            run_config=reason.outputs["run_config"],
            dataset_summary=reason.outputs["dataset_summary"],
            run_name=dsl.PIPELINE_JOB_NAME_PLACEHOLDER,
            gpus=as_text(run["gpus"]),
            train_workers=as_text(run["train_workers"]),
            worker_gpus=as_text(run["worker_gpus"]),
            worker_image=run["worker_image"],
            **run.of(TrainSettings),
        )
        model = configure(trained, "6 train", run).outputs["model"]

        evaluated = evaluate(
            model=model, examples=examples, manifest=manifest, **run.of(DecodingSettings)
        )
        scores = configure(evaluated, "7 evaluate", run).outputs["scores"]
        scored_model = evaluated.outputs["scored_model"]

        rescored = rescore(examples=examples, manifest=manifest, **run.of(ModelNameSettings))
        # As late as possible, so that it is the current champion when the gate compares the two.
        baseline = configure(rescored.after(evaluated), "8 rescore", run).outputs["baseline"]

        decision = gate(
            model=scored_model,
            scores=scores,
            report=evaluated.outputs["report"],
            baseline=baseline,
            training_config=reason.outputs["training_config"],
            run_config=reason.outputs["run_config"],
            drift=reason.outputs["drift"],
            **run.of(GateSettings),
        )
        passed = configure(decision, "9 gate", run).outputs["Output"]

        with dsl.If(passed == True, name="passed"):  # noqa: E712 # KFP builds a condition from it
            registered = register(
                model=scored_model,
                scores=scores,
                manifest=manifest,
                report=decision.outputs["final_report"],
                training_config=reason.outputs["training_config"],
                cause=reason.outputs["reason"],
                reason=decision.outputs["reason"],
                compared_with=decision.outputs["champion"],
                **run.of(RegisterSettings),
            )
            configure(registered, "10 register", run)
