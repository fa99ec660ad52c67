"""Uploads the artifacts of a run."""

import logging
from collections.abc import Mapping
from pathlib import Path

from components.storage.transfer import upload

logger = logging.getLogger(__name__)


def upload_artifacts(outputs: Mapping[str, Mapping[str, str | Path]], uri: str) -> dict[str, str]:
    """Uploads each artifact of a run to `URI/STEP/ARTIFACT`.

    An artifact replaces the one of an earlier upload; files that did not change are not sent
    again. Photos that a manifest only points to are not uploaded.

    Args:
        outputs: The paths of each step's artifacts, by step and artifact. One without a file is
            left out: KFP keeps metrics in its own records.
        uri: `gs://bucket/prefix`, `s3://bucket/prefix` or a local folder.

    Returns:
        Where each artifact went, by `STEP/ARTIFACT`.

    Raises:
        SettingError, CaptionflowError: As `upload`.
    """
    places = {}
    for step, artifacts in outputs.items():
        for artifact, path in artifacts.items():
            if Path(path).exists():
                name = f"{step}/{artifact}"
                places[name] = f"{uri.rstrip('/')}/{name}"
                sent = upload(path, places[name])
                logger.info("%s: %d files sent", places[name], sent)
    return places
