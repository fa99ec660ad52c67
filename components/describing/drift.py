"""Keeps and monitors the features of described photos, to notice drift of the requests."""

from dataclasses import asdict

from components.captioning.inference.captioner import Captioner
from components.drift.kept_features import FeatureKeeper
from components.drift.monitor import DriftMonitor
from components.settings.release import DriftSettings


def keep_features(captioner: Captioner, uri: str, *, photos: int = 64) -> FeatureKeeper:
    """Keeps the features of all photos that a captioner describes from now on, for drift tests.

    Args:
        captioner: The captioner.
        uri: The folder, local, `gs://` or `s3://`.
        photos: Photos per file, as for `FeatureKeeper`.

    Returns:
        The keeper; close it when no photos are described any more.

    Raises:
        SettingError: If files can't be written there.
        CaptionflowError: If an object store does not answer.
    """
    keeper = FeatureKeeper(uri, asdict(captioner.encoder.spec), photos=photos)
    captioner.on_features.append(keeper.add)
    return keeper


def monitor_drift(captioner: Captioner) -> DriftMonitor | None:
    """Monitors all photos that a captioner describes from now on.

    Args:
        captioner: The captioner; its bundle has the training photos' features, for reranking.

    Returns:
        The monitor; close it when no photos are described any more. None if the model was trained
        on a single photo, with which other photos can't be compared.
    """
    training = captioner.bundle.reranker_data.features
    if len(training) < 2:
        return None
    monitor = DriftMonitor(training, min_photos=DriftSettings().min_requests)
    captioner.on_features.append(monitor.add)
    return monitor
