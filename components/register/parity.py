"""Parity check: in a new process, the logged model must generate the captions that were scored."""

import json
import logging
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from components.artifacts.files import CAPTIONS_FILE
from components.artifacts.manifest import Photo
from components.errors import DataError
from components.registry.client import without_credentials
from components.storage.transfer import local_copy

logger = logging.getLogger(__name__)

#: Photos that are captioned again, evenly spaced in the test split.
PHOTOS = 16


def check_parity(model_uri: str, scores: Path, photos: Sequence[Photo]) -> None:
    """Checks that a logged model generates the captions of test photos that were scored.

    The model is loaded in a new process, with its own copy of the code, and reads the photo files.

    Args:
        model_uri: MLflow's URI of the logged model.
        scores: The scores artifact, with the scored captions.
        photos: All photos of the manifest.

    Raises:
        DataError: If there is no scored test photo, the model can't be loaded or fails, or it
            generates another caption.
    """
    lines = (scores / CAPTIONS_FILE).read_text(encoding="utf-8").splitlines()
    scored = {line["image_id"]: line["hypothesis"] for line in map(json.loads, lines)}
    test = [photo for photo in photos if photo.split == "test" and photo.image_id in scored]
    if not test:
        raise DataError(
            "The manifest must have at least one test photo that was scored. "
            f"Received: {len(photos)} photos, {len(scored)} scored captions"
        )
    indices = np.unique(np.linspace(0, len(test) - 1, PHOTOS).round().astype(int))
    sample = [test[index] for index in indices]
    captions = _caption(model_uri, [photo.uri for photo in sample])
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


def _caption(model_uri: str, uris: Sequence[str]) -> list[str]:
    with TemporaryDirectory(prefix="captionflow-") as folder:
        photos, captions = Path(folder) / "photos.json", Path(folder) / "captions.json"
        # The script runs without `storage`, as a registered model does.
        local = [
            str(local_copy(uri, Path(folder) / str(number))) for number, uri in enumerate(uris)
        ]
        photos.write_text(json.dumps(local), encoding="utf-8")
        script = Path(__file__).with_name("fresh_process.py")
        # -P: do not import from the script's folder.
        result = subprocess.run(  # noqa: S603 # our own script, without a shell
            [sys.executable, "-P", str(script), model_uri, str(photos), str(captions)],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode:
            # The output may contain MLflow's address with a password.
            output = without_credentials(result.stderr).strip()
            logger.error("%s", output)
            last = output.rpartition("\n")[2] or "no output"
            raise DataError(
                "The model was not registered: the logged model could not be loaded and run in a "
                f"new process (exit code {result.returncode}). The log has its output, which ends "
                f"with: {last}"
            )
        generated: list[str] = json.loads(captions.read_text(encoding="utf-8"))
        return generated
