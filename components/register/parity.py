"""Parity check: in a new process, the logged model must generate the captions that were scored."""

import contextlib
import json
import logging
import subprocess
import sys
from collections.abc import Iterator, Sequence
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

# Files in the working directory of the new process.
_LOG, _CAPTIONS = "log.txt", "captions.json"


def check_parity(
    process: "_FreshProcess", model_uri: str, scores: Path, photos: Sequence[Photo]
) -> None:
    """Checks that a logged model generates the captions of test photos that were scored.

    The model is loaded in a new process, with its own copy of the code, and reads the photo files.

    Args:
        process: From `fresh_process`.
        model_uri: MLflow's URI of the logged model.
        scores: The scores artifact, with the scored captions.
        photos: All photos of the manifest.

    Raises:
        DataError: If there is no scored test photo, the model can't be loaded or fails, or it
            generates a different caption.
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


class _FreshProcess:
    """A new process that waits for a model, and then captions photos with it.

    Args:
        process: The process, which runs `fresh_process.py`.
        folder: Its working directory.
    """

    def __init__(self, process: "subprocess.Popen[str]", folder: Path) -> None:
        self._process = process
        self._folder = folder

    def caption(self, model_uri: str, uris: Sequence[str]) -> list[str]:
        """Returns the captions of photos; can be called once.

        Raises:
            DataError: If the process failed.
        """
        # The script runs without `storage`, as a registered model does.
        local = [
            str(local_copy(uri, self._folder / str(number))) for number, uri in enumerate(uris)
        ]
        request = json.dumps({"model": model_uri, "photos": local})
        self._process.communicate(f"{request}\n")
        if code := self._process.wait():
            # The output may contain MLflow's address with a password.
            output = without_credentials((self._folder / _LOG).read_text(errors="replace")).strip()
            logger.error("%s", output)
            last = output.rpartition("\n")[2] or "no output"
            raise DataError(
                "The model was not registered: the logged model could not be loaded and run in a "
                f"new process (exit code {code}). The log has its output, which ends with: {last}"
            )
        generated: list[str] = json.loads((self._folder / _CAPTIONS).read_text(encoding="utf-8"))
        return generated


@contextlib.contextmanager
def fresh_process() -> Iterator[_FreshProcess]:
    """Starts a process that imports the libraries of a model, and yields it.

    Start it before the model is logged, because importing takes about as long as logging. The
    process ends with the block.
    """
    script = Path(__file__).with_name("fresh_process.py")
    with TemporaryDirectory(prefix="captionflow-") as name:
        folder = Path(name)
        with (folder / _LOG).open("wb") as log:
            # -P: do not import from the script's folder.
            process = subprocess.Popen(  # noqa: S603 # our own script, without a shell
                [sys.executable, "-P", str(script), _CAPTIONS],
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=log,
                text=True,
            )
        try:
            yield _FreshProcess(process, folder)
        finally:
            process.kill()
            process.communicate()
