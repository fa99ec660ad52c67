"""The KFP step `ingest`."""

from kfp.dsl import Dataset, Output

from components.runtime.step import step


@step
def ingest(
    dataset: str,
    scenes: int,
    seed: int,
    dev_share: float,
    test_share: float,
    max_quarantined: float,
    max_missing: float,
    beam_flags: str,
    manifest: Output[Dataset],
) -> None:
    """Reads captioned photos, checks every one, and splits them into train, dev and test.

    See `components.ingest.run.ingest_dataset`.
    """
    from components.runtime.execution import run_step

    with run_step("ingest") as ready:
        from components.ingest.run import ingest_dataset

        ready()
        report = ingest_dataset(
            dataset,
            manifest.path,
            scenes=scenes,
            seed=seed,
            dev_share=dev_share,
            test_share=test_share,
            max_quarantined=max_quarantined,
            max_missing=max_missing,
            beam_flags=beam_flags,
        )
        for fact in ("photos", "captions", "dataset_fingerprint"):
            manifest.metadata[fact] = report[fact]
        manifest.metadata["quarantined"] = report["counts"]["quarantined"]
