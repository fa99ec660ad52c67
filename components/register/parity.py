"""Parity: the logged model says in a fresh process what was scored, or it is not registered."""

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

logger = logging.getLogger(__name__)

#: Photos that are described again; spread over the test split.
PHOTOS = 16


def check_parity(model_uri: str, scores: Path, photos: Sequence[Photo]) -> None:
    """Checks that a logged model says of test photos what it was scored with.

    It is loaded in a process of its own, from its own copy of the code, and sees the photos' files.

    Args:
        model_uri: Where MLflow has the logged model.
        scores: The scores artifact, with the captions that were scored.
        photos: All photos of the manifest.

    Raises:
        DataError: If there is no test photo, the model can't be loaded or fails, or one of its
            captions is another one.
    """
    lines = (scores / CAPTIONS_FILE).read_text(encoding="utf-8").splitlines()
    scored = {line["image_id"]: line["hypothesis"] for line in map(json.loads, lines)}
    test = [photo for photo in photos if photo.split == "test" and photo.image_id in scored]
    if not test:
        raise DataError(
            "The manifest must hold a test photo that was scored, to see whether the model still "
            f"says the same of it. Received: {len(photos)} photos, {len(scored)} scored"
        )
    places = np.unique(np.linspace(0, len(test) - 1, PHOTOS).round().astype(int))
    some = [test[place] for place in places]
    said = _describe(model_uri, [photo.uri for photo in some])
    for photo, caption in zip(some, said, strict=True):
        if caption != scored[photo.image_id]:
            raise DataError(
                "The logged model must say what was scored, and nothing was registered: run "
                "features, evaluate and register with the same libraries, on the same kind of "
                "machine (a GPU's last digits can turn a word, and so can bfloat16 in features "
                "where register's machine has none: then set --precision float32). Received: of "
                f"{photo.image_id} {caption!r}, where {scored[photo.image_id]!r} was scored"
            )
    logger.info("the logged model says of %d test photos what was scored", len(some))


def _describe(model_uri: str, paths: Sequence[str]) -> list[str]:
    with TemporaryDirectory(prefix="captionflow-") as folder:
        photos, captions = Path(folder) / "photos.json", Path(folder) / "captions.json"
        photos.write_text(json.dumps(list(paths)), encoding="utf-8")
        script = Path(__file__).with_name("fresh_process.py")
        # -P: the script's own folder is no place to import from.
        ended = subprocess.run(  # noqa: S603 # our own script, and no shell
            [sys.executable, "-P", str(script), model_uri, str(photos), str(captions)],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if ended.returncode:
            # It was given MLflow's address, and might tell it whole.
            told = without_credentials(ended.stderr).strip()
            logger.error("%s", told)
            last = told.rpartition("\n")[2] or "not a word"
            raise DataError(
                "The logged model must load in a fresh process and describe photos; the log has "
                f"all that it said. Received: exit code {ended.returncode}, {last}"
            )
        said: list[str] = json.loads(captions.read_text(encoding="utf-8"))
        return said
