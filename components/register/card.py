"""The model card: what a registered version is, in Markdown, for who finds it in the registry.

Its parts are those of Mitchell et al., 2019, "Model Cards for Model Reporting" (arXiv:1810.03993).
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from components.artifacts.manifest import SPLITS, Photo
from components.artifacts.scores import TITLES, search_scores

# What readers of Markdown take for more than itself, MLflow's among them: HTML, emphasis, links,
# tables, `~~struck~~`, `@name`, `:smile:`, bare addresses, and three dots as one letter.
_MEANINGFUL = re.compile(r"[&<>\\`*_\[\]|~@]|:(?=\S)|\.(?=\.)|(?<=www)\.", re.IGNORECASE)
_USES = {
    "train": "learning, and the vocabulary",
    "dev": "when to stop",
    "test": "the scores below, nothing else",
}


def model_card(
    scores: Mapping[str, Any], photos: Sequence[Photo], *, name: str, cause: str, reason: str
) -> str:
    """Returns the card of a model.

    Args:
        scores: What `scores.json` holds.
        photos: All photos of the manifest.
        name: The registered model's name.
        cause: Why it was trained.
        reason: Why the gate let it pass.
    """
    beam = search_scores(scores, "beam")
    greedy = search_scores(scores, "greedy")
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 # Markdown, which has rules of its own: `text` and `code`
        trim_blocks=True,
    )
    environment.filters |= {"text": _as_text, "code": _as_code}
    return environment.get_template("card.md.jinja").render(
        name=name,
        cause=cause,
        reason=reason,
        scores=scores,
        words=round(scores["mean_words"]) if "mean_words" in scores else None,
        splits=[_split(split, photos) for split in SPLITS],
        titles=[TITLES[key] for key in beam],
        figures={
            f"beam {scores['beam_width']}": [f"{value:.2f}" for value in beam.values()],
            "greedy": [f"{value:.2f}" for value in greedy.values()],
        },
    )


def _as_text(value: object) -> str:
    """Returns a value as Markdown that shows it on one line, letter by letter."""
    plain = " ".join(str(value).split())
    return _MEANINGFUL.sub(lambda found: f"&#{ord(found[0])};", plain)


def _as_code(value: object) -> str:
    """Returns a value to stand between backticks, which no other backtick may end."""
    return " ".join(str(value).split()).replace("`", "'")


def _split(name: str, photos: Sequence[Photo]) -> dict[str, Any]:
    those = [photo for photo in photos if photo.split == name]
    return {
        "split": name,
        "photos": len(those),
        "captions": sum(len(photo.captions) for photo in those),
        "use": _USES[name],
    }
