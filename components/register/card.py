"""The model card of a registered version, in Markdown.

Its sections follow Mitchell et al., 2019, "Model Cards for Model Reporting" (arXiv:1810.03993).
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from components.artifacts.manifest import SPLITS, Photo
from components.artifacts.scores import TITLES, degeneracy, search_scores

# Characters with a meaning in Markdown, including MLflow's dialect: HTML, emphasis, links, tables,
# `~~strikethrough~~`, `@mentions`, `:emoji:`, bare URLs, and `...`, which becomes one character.
_SPECIAL = re.compile(r"[&<>\\`*_\[\]|~@]|:(?=\S)|\.(?=\.)|(?<=www)\.", re.IGNORECASE)
_USES = {
    "train": "training and vocabulary",
    "dev": "early stopping and confidence",
    "test": "the scores below only",
}


def model_card(
    scores: Mapping[str, Any], photos: Sequence[Photo], *, name: str, cause: str, reason: str
) -> str:
    """Returns the card of a model.

    Args:
        scores: The content of `scores.json`.
        photos: All photos of the manifest.
        name: The registered model's name.
        cause: Why the model was trained.
        reason: Why the gate passed the model.
    """
    beam = search_scores(scores, "beam")
    greedy = search_scores(scores, "greedy")
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 # Markdown: escaped by the filters `text` and `code`
        trim_blocks=True,
    )
    environment.filters |= {"text": _as_text, "code": _as_code}
    return environment.get_template("card.md.jinja").render(
        name=name,
        cause=cause,
        reason=reason,
        scores=scores,
        coverages=_quarters(scores),
        warning=degeneracy(scores),
        words=round(scores["mean_words"]) if "mean_words" in scores else None,
        splits=[_split(split, photos) for split in SPLITS],
        titles=[TITLES[key] for key in beam],
        figures={
            f"beam {scores['beam_width']}": [f"{value:.2f}" for value in beam.values()],
            "greedy": [f"{value:.2f}" for value in greedy.values()],
        },
    )


def _quarters(scores: Mapping[str, Any]) -> list[Mapping[str, float]]:
    """Returns the first points of the risk-coverage curve with 25, 50, 75 and 100 % coverage."""
    curve = scores["confidence"]["curve"] if "confidence" in scores else []
    return [
        next(point for point in curve if point["coverage"] >= quarter / 4)
        for quarter in (range(1, 5) if curve else ())
    ]


def _as_text(value: object) -> str:
    """Escapes a value for Markdown, on one line, so that it is shown literally."""
    plain = " ".join(str(value).split())
    return _SPECIAL.sub(lambda match: f"&#{ord(match[0])};", plain)


def _as_code(value: object) -> str:
    """Returns a value for a code span: on one line, its backticks replaced."""
    return " ".join(str(value).split()).replace("`", "'")


def _split(name: str, photos: Sequence[Photo]) -> dict[str, Any]:
    selected = [photo for photo in photos if photo.split == name]
    return {
        "split": name,
        "photos": len(selected),
        "captions": sum(len(photo.captions) for photo in selected),
        "use": _USES[name],
    }
