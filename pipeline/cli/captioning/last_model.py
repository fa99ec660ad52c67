"""Suggests the model of the last run as long as none has been approved."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from components.artifacts.files import SCORES_FILE, read_json
from components.artifacts.scores import search_scores
from components.errors import DataError, NoChampionError


@contextmanager
def naming_last_model(root: Path, option: str = "--bundle") -> Iterator[None]:
    """Adds the last run's model to the error raised when no model has been approved.

    Args:
        root: The work folder.
        option: The command's option for a model's folder.

    Raises:
        DataError: Instead of a `NoChampionError`, with the option that selects that model.
    """
    try:
        yield
    except NoChampionError as error:
        # PyArrow takes a second to import, and only this error needs it.
        from pipeline.local.runs import find_scores

        try:
            found = find_scores(root)
        except DataError:
            raise error from None
        bleu4 = search_scores(read_json(found.scores / SCORES_FILE), "beam")["bleu4"]
        raise DataError(
            f"{error}. To use your last run's model (BLEU-4 {bleu4:.2f}) anyway: "
            f"{option} {shlex.quote(str(found.model))}"
        ) from error
