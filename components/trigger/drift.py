"""Tests whether requests have drifted from the champion's training photos, and records it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from components.artifacts.arrays import read_array
from components.errors import DataError
from components.registry.download import download_bundle_file
from components.registry.events import record_event
from components.registry.models import ModelVersion
from components.settings.run import RunSettings

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

# Number of other encoders that a message names.
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Drift:
    """The outcome of a drift test.

    Attributes:
        drifted: Whether requests have drifted.
        text: The outcome, or why there was no test; a clause without a full stop.
        metrics: The results of the test, by name; empty if there was no test.
    """

    drifted: bool
    text: str
    metrics: Mapping[str, float] = field(default_factory=dict)


def find_drift(champion: ModelVersion | None, settings: RunSettings) -> Drift | None:
    """Compares the features of requests with those of the champion's training photos.

    The training photos' features are part of every registered model, for reranking: of its bundle,
    only they and the checksums are downloaded. Features of another encoder are not comparable and
    are left out.

    Args:
        champion: The champion; None if there is none.
        settings: The settings of this run.

    Returns:
        The outcome; None if no folder of requests is set, or there is no champion.

    Raises:
        SettingError: If the folder can't be read.
        CaptionflowError: If MLflow or an object store does not answer.
    """
    if champion is None or not settings.requests:
        return None
    # These import SciPy and scikit-learn, which most runs do not need here.
    from components.drift.mmd import mmd_test
    from components.drift.requests import read_requests

    name = f"champion v{champion.version}"
    try:
        encoder: dict[str, Any] = {
            "sha256": champion.tags["encoder_sha256"],
            "precision": champion.tags["encoder_precision"],
            "multi_crop": champion.tags.get("encoder_multi_crop") == str(True),
        }
        training = _training_features(champion, settings.model_name)
    except (KeyError, OSError, ValueError, DataError) as error:
        return Drift(False, f"requests can't be compared with the photos of {name}: {error}")
    requests = read_requests(settings.requests, encoder, training.shape[1])
    count = len(requests.features)
    others = ", ".join(requests.others[:_NAMED])
    left_out = f" (left out: features of another encoder than {name}'s, {others})" if others else ""
    if count < settings.min_requests or len(training) < 2:
        return Drift(
            False,
            f"no drift test: {settings.requests} has {count} of at least {settings.min_requests} "
            f"distinct requests (--min-requests){left_out}",
        )
    found = mmd_test(training, requests.features, seed=settings.seed)
    drifted = found.p_value < settings.drift_level
    return Drift(
        drifted,
        f"requests have {'' if drifted else 'not '}drifted from the training photos of {name} "
        f"(p = {found.p_value:.3f}, n = {count}){left_out}",
        {
            "drift_mmd2": found.mmd2,
            "drift_p_value": found.p_value,
            "drift_requests": float(count),
        },
    )


def record_drift(drift: Drift, champion: ModelVersion, settings: RunSettings) -> None:
    """Records a drift test in MLflow, as an event named `drift test`.

    Args:
        drift: The outcome.
        champion: The champion whose training photos were compared.
        settings: The settings of this run.

    Raises:
        SettingError: If the experiment was deleted.
        CaptionflowError: If MLflow can't be used.
    """
    tags = {
        "drift": drift.text,
        "drifted": str(drift.drifted).lower(),
        "model_name": settings.model_name,
        "version": champion.version,
    }
    record_event(settings.experiment, "drift test", tags, metrics=drift.metrics)


def _training_features(champion: ModelVersion, model_name: str) -> "NDArray[Any]":
    from components.captioning.decoding.reranker_data import FEATURES_FILE

    with TemporaryDirectory(prefix="captionflow-") as folder:
        file = download_bundle_file(model_name, champion.version, FEATURES_FILE, Path(folder))
        features = read_array(file)
    if features.ndim != 2 or features.dtype.kind != "f":
        raise ValueError(f"{FEATURES_FILE} must be a matrix of floats")
    return features
