"""Uploads the artifacts of a run."""

import logging
from collections.abc import Mapping
from pathlib import Path

from components.storage.upload import upload

logger = logging.getLogger(__name__)


def upload_artifacts(outputs: Mapping[str, Mapping[str, str | Path]], uri: str) -> dict[str, str]:
    """Uploads each artifact of a run to `URI/STEP/ARTIFACT`.

    An artifact replaces that of an earlier upload; unchanged files are not uploaded again. Photos
    that a manifest refers to are not uploaded.

    Args:
        outputs: The paths of each step's artifacts, by step and artifact. Artifacts without a file,
            such as KFP's metrics, are skipped.
        uri: `gs://bucket/prefix`, `s3://bucket/prefix` or a local folder.

    Returns:
        The URI of each uploaded artifact, by `STEP/ARTIFACT`.

    Raises:
        SettingError, CaptionflowError: See `upload`.
    """
    uris = {}
    for step, artifacts in outputs.items():
        for artifact, path in artifacts.items():
            if Path(path).exists():
                name = f"{step}/{artifact}"
                uris[name] = f"{uri.rstrip('/')}/{name}"
                sent = upload(path, uris[name])
                logger.info("%s: %d files uploaded", uris[name], sent)
    return uris
