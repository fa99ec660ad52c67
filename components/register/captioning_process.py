"""The new process that captions photos with the logged model, for the parity check.

Nothing here imports MLflow, so that the process can start before the step has imported it.
"""

import contextlib
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import components.registry  # noqa: F401 # MLflow in the new process reports nothing, either
from components.errors import DataError

logger = logging.getLogger(__name__)

# Files in the working directory of the new process.
_LOG, _CAPTIONS = "log.txt", "captions.json"


class CaptioningProcess:
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
        # Imported here: they import MLflow, which would delay the start of the process.
        from components.registry.client import without_credentials
        from components.storage.transfer import local_copy

        # The script runs without `storage`, as a registered model does.
        local = [
            str(local_copy(uri, self._folder / str(number))) for number, uri in enumerate(uris)
        ]
        # The connection to MLflow completes these variables after the process has started.
        settings = {name: text for name, text in os.environ.items() if name.startswith("MLFLOW_")}
        request = json.dumps({"model": model_uri, "photos": local, "environment": settings})
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
def fresh_process() -> Iterator[CaptioningProcess]:
    """Starts a process that imports the libraries of a model, and yields it.

    Start it before anything else: importing takes about as long as logging the model, and the step
    waits for this process at its end. The process ends with the block.
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
                # The script ends without removing its libraries' temporary files.
                env={**os.environ, "TMPDIR": name},
            )
        try:
            yield CaptioningProcess(process, folder)
        finally:
            process.kill()
            process.communicate()
