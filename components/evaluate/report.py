"""The report: a self-contained HTML page without scripts or external resources."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from components.artifacts.manifest import Photo
from components.artifacts.report import PLACES, place
from components.artifacts.scores import TITLES, degeneracy, search_scores
from components.evaluate.curve import draw_loss_curve, draw_risk_coverage
from components.evaluate.gallery import Picks, RankedCaption, thumbnail
from components.evaluate.mistakes import MistakeKind
from components.evaluate.records import Data, Training

_TEMPLATE = "report.html.jinja"


@dataclass(frozen=True)
class Section:
    """A section of the photo gallery.

    Attributes:
        title: Its heading.
        description: How its photos were selected.
        cards: Each photo's captions, with its thumbnail as a `data:` URI or None.
    """

    title: str
    description: str
    cards: list[tuple[RankedCaption, str | None]]


def gallery_sections(
    picks: Picks, photos: Mapping[str, Photo], detokenize: Callable[[str], str]
) -> list[Section]:
    """Returns the sections of the photo gallery, without empty ones.

    Args:
        picks: The selected captions.
        photos: By image id; a photo that is missing here is shown without a thumbnail.
        detokenize: Turns a caption's words into ordinary text.
    """
    groups = (
        ("Best", "The highest scores, best first.", picks.best),
        ("Median", "From the middle of the ranking: what to expect of a new photo.", picks.median),
        ("Worst", "The lowest scores, worst first.", picks.worst),
    )
    return [
        Section(
            title,
            description,
            [
                (
                    replace(
                        ranked,
                        caption=detokenize(ranked.caption),
                        references=tuple(map(detokenize, ranked.references)),
                    ),
                    thumbnail(photos.get(ranked.image_id)),
                )
                for ranked in captions
            ],
        )
        for title, description, captions in groups
        if captions
    ]


def render_report(
    scores: Mapping[str, Any],
    training: Training,
    data: Data,
    mistakes: Sequence[MistakeKind],
    sections: Sequence[Section],
) -> str:
    """Renders the report.

    Args:
        scores: The content of `scores.json`.
        training: The record of the model's training.
        data: The description of the data set.
        mistakes: The captions by kind of mistake; empty if the kinds are unknown.
        sections: The photo gallery.

    Returns:
        A complete HTML page; all text from the data is escaped. It contains all placeholders of
        `artifacts.report`, which later steps fill in.
    """
    # Autoescaping is explicit, because the template's name does not end in .html.
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
        beam=_titled(search_scores(scores, "beam")),
        greedy=_titled(search_scores(scores, "greedy")),
        training=training,
        curve=curve,
        confidence=scores["confidence"],
        risk_coverage=draw_risk_coverage(scores["confidence"]["curve"]),
        data=data,
        warning=degeneracy(scores),
        mistakes=mistakes,
        # Constant texts, which are escaped already.
        place={name: Markup(place(name)) for name in PLACES},  # noqa: S704 # no user input
        sections=sections,
    )


def _titled(scores: Mapping[str, float]) -> list[tuple[str, float]]:
    return [(TITLES[name], score) for name, score in scores.items()]
