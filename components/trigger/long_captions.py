"""Warns, before training, of captions that it will truncate."""

import logging
from pathlib import Path

from components.artifacts.files import read_json
from components.artifacts.manifest import REPORT_FILE
from components.captioning.model.caption_lengths import explain_long_captions

logger = logging.getLogger(__name__)


def warn_of_long_captions(manifest: str | Path, max_words: int) -> None:
    """Logs a warning if `max_words` truncates more than a few percent of the captions.

    Args:
        manifest: The manifest artifact; its report has the lengths of the captions.
        max_words: The setting.
    """
    words = read_json(Path(manifest) / REPORT_FILE)["words"]
    if text := explain_long_captions(words["lengths"], words["unspaced_share"], max_words):
        # Indented, so that it remains on the screen of a local run.
        logger.warning("  warning  %s", text)
