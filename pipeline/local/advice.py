"""Advice for a model that did not pass the gate."""

from collections.abc import Iterator, Mapping
from typing import Any

from components.ingest.report.findings import MIN_PHOTOS
from components.settings.data import SAMPLE
from components.settings.run import RunSettings


def advice(
    settings: RunSettings, training: Mapping[str, Any], splits: Mapping[str, int]
) -> Iterator[str]:
    """Yields advice for a better model, the most helpful first.

    Args:
        settings: The settings of the run.
        training: The content of `training.json`.
        splits: Number of photos by split.
    """
    real = settings.dataset != SAMPLE
    more = "Add photos" if real else "Draw more scenes (--scenes)"
    if real and settings.encoder_weights == "random":
        yield (
            "The encoder's weights are random. Use trained ones: --encoder-weights imagenet, or a "
            "file."
        )
    if training["best_epoch"] == len(training["history"]):
        yield (
            f"Dev loss was lowest in the last epoch ({training['best_epoch']}). Train longer: "
            f"--epochs {2 * settings.epochs}."
        )
    if real and splits["train"] < MIN_PHOTOS["train"]:
        continued = (
            "" if settings.start_from else ", or continue from a trained model (--start-from)"
        )
        yield f"Add photos{continued}: {splits['train']:,} is a small training set."
    if splits["dev"] < MIN_PHOTOS["dev"]:
        yield (
            f"{more} for dev: only {splits['dev']} decide the best epoch and the confidence. At "
            f"least {MIN_PHOTOS['dev']} are needed."
        )
    if splits["test"] < MIN_PHOTOS["test"]:
        yield (
            f"{more} for test: with {splits['test']}, scores are uncertain. Compare models on at "
            f"least {MIN_PHOTOS['test']}."
        )
