"""The KFP step `ingest`."""

from typing import Any

from kfp.dsl import Dataset, Output

from components.runtime.step import step
from components.settings.data import DataSettings


@step(DataSettings)
def ingest(settings: dict[str, Any], manifest: Output[Dataset]) -> None:
    """Reads captioned photos, checks every one, and splits them into train, dev and test.

    See `components.ingest.run.ingest_dataset`.
    """
    from components.runtime.execution import run_step

    with run_step("ingest") as ready:
        from components.ingest.run import ingest_dataset
        from components.settings.data import DataSettings

        ready()
        report = ingest_dataset(DataSettings.check(settings), manifest.path)
        for fact in ("photos", "captions", "dataset_fingerprint"):
            manifest.metadata[fact] = report[fact]
        manifest.metadata["quarantined"] = report["counts"]["quarantined"]
