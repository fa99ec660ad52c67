"""The KFP component of step 1."""

from kfp.dsl import Dataset, Output

from components.platform.step import step


@step
def ingest(
    dataset: str,
    scenes: int,
    seed: int,
    dev_share: float,
    test_share: float,
    max_quarantined: float,
    beam_flags: str,
    manifest: Output[Dataset],
) -> None:
    """Reads captioned photos, checks every one, and splits them into train, dev and test.

    Args:
        dataset: A folder, `.zip` or `.tar.gz`, local or `gs://`; or `sample`, which is drawn.
        scenes: How many photos `sample` has.
        seed: Of the drawing, and of the splits where the data set brings none of its own.
        dev_share: Share of photos for dev where the data set brings no lists, between 0 and 1.
        test_share: Share of photos for test, likewise.
        max_quarantined: Largest share of photos that may fail their checks, 0 to 1.
        beam_flags: How Beam runs, as on a command line.
        manifest: The manifest artifact, see `components.platform.manifest`.
    """
    from components.ingest.run import ingest_dataset
    from components.platform.running import running

    with running("ingest"):
        report = ingest_dataset(
            dataset,
            manifest.path,
            scenes=scenes,
            seed=seed,
            dev_share=dev_share,
            test_share=test_share,
            max_quarantined=max_quarantined,
            beam_flags=beam_flags,
        )
        for fact in ("photos", "captions", "dataset_fingerprint"):
            manifest.metadata[fact] = report[fact]
        manifest.metadata["quarantined"] = report["counts"]["quarantined"]
