"""The KFP step `normalize`."""

from kfp.dsl import Dataset, Input, Output

from components.runtime.step import step


@step
def normalize(
    manifest: Input[Dataset], min_count: int, beam_flags: str, captions: Output[Dataset]
) -> None:
    """RequestQueue captions into token ids, with a vocabulary from the train split alone.

    See `components.normalize.normalization.normalize_captions`.
    """
    from components.runtime.execution import run_step

    with run_step("normalize") as ready:
        from components.normalize.normalization import normalize_captions

        ready()
        report = normalize_captions(
            manifest.path, captions.path, min_count=min_count, beam_flags=beam_flags
        )
        captions.metadata["vocabulary_size"] = report["vocabulary_size"]
        captions.metadata["longest_caption"] = report["longest_caption"]
        for split, counts in report["splits"].items():
            captions.metadata[f"{split}_captions"] = counts["captions"]
