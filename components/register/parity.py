"""Parity check: in a new process, the logged model must generate the captions that were scored."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from components.artifacts.files import CAPTIONS_FILE
from components.artifacts.manifest import Photo
from components.errors import DataError
from components.register.captioning_process import CaptioningProcess

logger = logging.getLogger(__name__)

#: Photos that are captioned again, evenly spaced in the test split.
PHOTOS = 16


def check_parity(
    process: CaptioningProcess, model_uri: str, scores: Path, photos: Sequence[Photo]
) -> None:
    """Checks that a logged model generates the captions of test photos that were scored.

    The model is loaded in a new process, with its own copy of the code, and reads the photo files.

    Args:
        process: From `fresh_process`; it must not have been used.
        model_uri: MLflow's URI of the logged model.
        scores: The scores artifact, with the scored captions.
        photos: All photos of the manifest.

    Raises:
        DataError: If there is no scored test photo, the model can't be loaded or fails, or it
            generates a different caption.
    """
    lines = (scores / CAPTIONS_FILE).read_text(encoding="utf-8").splitlines()
    scored = {line["image_id"]: line["caption"] for line in map(json.loads, lines)}
    test = [photo for photo in photos if photo.split == "test" and photo.image_id in scored]
    if not test:
        raise DataError(
            "The manifest must have at least one test photo that was scored. "
            f"Received: {len(photos)} photos, {len(scored)} scored captions"
        )
    indices = np.unique(np.linspace(0, len(test) - 1, PHOTOS).round().astype(int))
    sample = [test[index] for index in indices]
    captions = process.caption(model_uri, [photo.uri for photo in sample])
    for photo, caption in zip(sample, captions, strict=True):
        if caption != scored[photo.image_id]:
            raise DataError(
                f"The model was not registered: for {photo.image_id} the logged model generates "
                f"{caption!r}, but {scored[photo.image_id]!r} was scored. Run features, evaluate "
                "and register with the same library versions and on the same kind of machine. If "
                "they differ in GPU or bfloat16 support, set --precision float32"
            )
    logger.info(
        "Parity: the logged model generates the scored captions of %d test photos", len(sample)
    )
