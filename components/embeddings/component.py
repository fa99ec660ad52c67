"""The KFP step `embeddings`."""

from typing import Any

from kfp.dsl import Artifact, Dataset, Input, Output

from components.runtime.step import step
from components.settings.data import EmbeddingSettings


@step(EmbeddingSettings)
def embeddings(
    settings: dict[str, Any], captions: Input[Dataset], matrix: Output[Artifact]
) -> None:
    """Looks up the GloVe vector of each word of the vocabulary.

    See `components.embeddings.matrix.build_embeddings`.
    """
    from components.runtime.execution import run_step

    with run_step("embeddings", captions) as ready:
        from components.embeddings.matrix import build_embeddings
        from components.settings.data import EmbeddingSettings

        ready()
        checked = EmbeddingSettings.check(settings)
        coverage = build_embeddings(captions.path, checked.glove, matrix.path, seed=checked.seed)
        for fact in ("source", "width", "found", "train_token_share"):
            matrix.metadata[fact] = coverage[fact]
        matrix.metadata["missing"] = len(coverage["missing"])
