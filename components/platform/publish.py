"""The results of a run, carried to a bucket."""

import logging
from collections.abc import Mapping
from pathlib import Path

from components.platform.storage import PATIENCE, upload

logger = logging.getLogger(__name__)


def upload_artifacts(
    outputs: Mapping[str, Mapping[str, str | Path]], uri: str, *, patience: float = PATIENCE
) -> dict[str, str]:
    """Uploads each artifact of a run to `URI/STEP/ARTIFACT`.

    An artifact is replaced as `upload` does it: what did not change is not sent again. A manifest
    of photos that stay where they lie is carried without them.

    Args:
        outputs: Of each step by name, its artifacts' paths by name. One without a file is left
            out: KFP's metrics live in its own records.
        uri: `gs://bucket/prefix`.
        patience: As for `upload`.

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
                sent = upload(path, places[name], patience=patience)
                logger.info("%s: %d files sent", places[name], sent)
    return places
