"""The report: one HTML page that holds all it shows, without script and without the network."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from components.artifacts.manifest import Photo
from components.artifacts.scores import TITLES, search_scores
from components.evaluate.curve import draw_loss_curve
from components.evaluate.gallery import Picks, RankedCaption, thumbnail
from components.evaluate.inputs import Training

_TEMPLATE = "report.html.jinja"


@dataclass(frozen=True)
class Section:
    """Some photos of one kind.

    Attributes:
        title: What they have in common.
        how: How they were picked, in words.
        cards: Each photo's captions, with its picture as a `data:` URI or None.
    """

    title: str
    how: str
    cards: list[tuple[RankedCaption, str | None]]


def gallery_sections(picks: Picks, photos: Mapping[str, Photo]) -> list[Section]:
    """Returns what the report shows of a ranking; kinds without a photo are left out.

    Args:
        picks: What was picked.
        photos: By image id; one that is not there is shown without its picture.
    """
    kinds = (
        ("Best", "The highest scores, the best first.", picks.best),
        ("Median", "From the middle of the ranking: what to expect.", picks.median),
        ("Worst", "The lowest scores, the worst first.", picks.worst),
    )
    return [
        Section(title, how, [(one, thumbnail(photos.get(one.image_id))) for one in ranked])
        for title, how, ranked in kinds
        if ranked
    ]


def render_report(scores: Mapping[str, Any], training: Training, sections: list[Section]) -> str:
    """Renders the report.

    Args:
        scores: What `scores.json` holds.
        training: How the model was trained.
        sections: The photos that are shown.

    Returns:
        A whole HTML page; whatever the data say is escaped.
    """
    # The template's name ends in .jinja: Jinja would not see by itself that it is HTML.
    environment = Environment(
        loader=PackageLoader("components.evaluate", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    curve = draw_loss_curve(
        [epoch.word_loss for epoch in training.history],
        [epoch.dev_word_loss for epoch in training.history],
        training.best_epoch,
    )
    return environment.get_template(_TEMPLATE).render(
        scores=scores,
        titles=TITLES.values(),
        beam=search_scores(scores, "beam"),
        greedy=search_scores(scores, "greedy"),
        training=training,
        curve=curve,
        sections=sections,
    )
