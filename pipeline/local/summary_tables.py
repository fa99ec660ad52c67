"""The parts of a local run's summary: steps, scores, and sentences with their titles."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Column, Table
from rich.text import Text

from components.artifacts.scores import TITLES, search_scores

# Width of the titles beside the sentences.
_TITLE = 8


def steps_table(
    files: Mapping[str, Mapping[str, Path]],
    seconds: Mapping[str, float],
    earlier: Mapping[str, float],
    *,
    folder: Path,
) -> Table:
    """Returns a row for each step: its time and the paths of its artifacts.

    Args:
        files: The paths of each step's artifacts, by step and name.
        seconds: Seconds that each step took; steps from the cache are left out.
        earlier: Seconds that steps from the cache took when they ran, if it is known.
        folder: The folder of the run's artifacts, to which the paths are relative.
    """
    table = Table(
        "step",
        Column("time", justify="right"),
        Column("artifact", overflow="fold"),
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    for step, artifacts in files.items():
        if step in seconds:
            time = f"{seconds[step]:.1f} s"
        elif step in earlier:
            time = f"cached ({earlier[step]:.1f} s)"
        else:
            time = "cached"
        paths = (os.path.relpath(file, folder) for file in artifacts.values())
        table.add_row(step, time, "\n".join(paths))
    return table


def scores_table(scores: Mapping[str, Any]) -> Table:
    """Returns the scores of beam search and greedy search.

    Args:
        scores: The content of `scores.json`.
    """
    beam = search_scores(scores, "beam")
    headings = [Column(TITLES[name], justify="right") for name in beam]
    table = Table("search", *headings, box=SIMPLE_HEAD)
    for name, values in (
        (f"beam {scores['beam_width']}", beam),
        ("greedy", search_scores(scores, "greedy")),
    ):
        table.add_row(name, *(f"{value:.2f}" for value in values.values()))
    return table


def scores_explained(scores: Mapping[str, Any], photos: float, captions: float) -> str:
    """Returns what was scored, in two sentences.

    Args:
        scores: The content of `scores.json`.
        photos: Number of photos in the data set.
        captions: Number of captions in the data set.
    """
    return (
        f"{scores['images']:,} test photos; {photos:,.0f} photos and {captions:,.0f} captions in "
        "total.\n"
        f"{scores['distinct_captions']:,} distinct captions, {scores['mean_words']:.1f} words on "
        f"average; {scores['vocabulary_used']:,} of the {scores['vocabulary_known']:,} known words "
        "used."
    )


def outcome_line(title: str, text: str, *, terminal: bool) -> Text | Table:
    """Returns a sentence after its title; on a terminal, its lines break between words.

    Args:
        title: The title; may be empty.
        text: The sentence, as markup.
        terminal: Whether it is for a terminal; a log keeps it on one line.
    """
    marked = Text.from_markup(text)
    if not terminal:
        return Text(f"{title:<{_TITLE}}").append_text(marked)
    line = Table.grid(Column(width=_TITLE), Column())
    line.add_row(title, marked)
    return line


def short_path(path: str | Path) -> str:
    """Returns a path as a user would type it in the current folder."""
    path = Path(path)
    current = Path.cwd()
    return str(path.relative_to(current) if path.is_relative_to(current) else path)
