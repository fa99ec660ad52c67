"""The KFP step `embeddings`."""

from kfp.dsl import Artifact, Dataset, Input, Output

from components.runtime.step import step


@step
def embeddings(captions: Input[Dataset], glove: str, seed: int, matrix: Output[Artifact]) -> None:
    """Gives each word of the vocabulary its GloVe vector.

    See `components.embeddings.matrix.build_embeddings`.
    """
    from components.runtime.execution import run_step

    with run_step("embeddings") as ready:
        from components.embeddings.matrix import build_embeddings

        ready()
        coverage = build_embeddings(captions.path, glove, matrix.path, seed=seed)
        for fact in ("source", "width", "found", "train_token_share"):
            matrix.metadata[fact] = coverage[fact]
        matrix.metadata["missing"] = len(coverage["missing"])
