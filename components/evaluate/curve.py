"""The curves of the report as inline SVG in the colours of the page."""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

# Matplotlib does not support CSS variables: it draws in these placeholders, which are replaced.
_INK, _RULE, _TRAIN, _DEV = "#010101", "#020202", "#030303", "#040404"
_PAGE_COLOURS = {
    _INK: "var(--ink-soft)",
    _RULE: "var(--rule)",
    _TRAIN: "var(--train)",
    _DEV: "var(--dev)",
}
_STYLE = {
    "svg.fonttype": "none",  # keeps text as text
    "svg.hashsalt": "captionflow",  # makes the output reproducible
    "font.sans-serif": ["DejaVu Sans"],  # for layout only; the page sets its own font
    "font.size": 9,
    "text.color": _INK,
    "axes.edgecolor": _RULE,
    "axes.labelcolor": _INK,
    "xtick.color": _RULE,
    "xtick.labelcolor": _INK,
    "ytick.color": _RULE,
    "ytick.labelcolor": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))


def draw_loss_curve(train: Sequence[float], dev: Sequence[float], best_epoch: int) -> Markup:
    """Draws the losses of each epoch.

    Args:
        train: Mean cross-entropy per word on the train split, in nats, one per epoch.
        dev: The same on the dev split.
        best_epoch: The epoch to mark, counted from 1.

    Returns:
        An `<svg>` element in the page's colours `--ink-soft`, `--rule`, `--train` and `--dev`.
    """
    epochs = range(1, len(train) + 1)
    with _figure() as (figure, axes):
        axes.axvline(best_epoch, color=_RULE, linewidth=1, linestyle=(0, (3, 3)))
        for losses, colour, marker, name in (
            (train, _TRAIN, "s", "train"),
            (dev, _DEV, "o", "dev"),
        ):
            axes.plot(epochs, losses, color=colour, marker=marker, markersize=3.5, label=name)
        axes.set_xlabel("epoch")
        axes.set_ylabel("loss (nats per word)")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.legend(frameon=False)
        return _as_svg(figure, "loss")


def draw_risk_coverage(curve: Sequence[Mapping[str, float]]) -> Markup:
    """Draws the risk-coverage curve.

    Args:
        curve: Points with `coverage` and `risk`, both 0 to 1, by ascending coverage.

    Returns:
        An `<svg>` element, see `draw_loss_curve`.
    """
    with _figure() as (figure, axes):
        coverage, risk = ([100 * point[name] for point in curve] for name in ("coverage", "risk"))
        axes.axhline(risk[-1], color=_RULE, linewidth=1, linestyle=(0, (3, 3)))
        axes.plot(coverage, risk, color=_DEV, marker="o", markersize=3.5)
        axes.set_xlim(0, 102)
        axes.set_ylim(0, 105)
        axes.set_xlabel("captions, surest first (%)")
        axes.set_ylabel("not good (%)")
        return _as_svg(figure, "risk-coverage")


@contextmanager
def _figure() -> Iterator[tuple[Figure, Axes]]:
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(5.4, 2.6), layout="constrained")
        figure.patch.set_alpha(0)
        axes = figure.add_subplot()
        axes.patch.set_alpha(0)
        axes.grid(axis="y", color=_RULE, linewidth=0.6)
        axes.set_axisbelow(True)
        yield figure, axes


def _as_svg(figure: Figure, name: str) -> Markup:
    file = io.StringIO()
    FigureCanvasSVG(figure).print_svg(file, metadata=_NO_METADATA)
    svg = file.getvalue()
    for placeholder, colour in _PAGE_COLOURS.items():
        svg = svg.replace(placeholder, colour)
    # The ids of two drawings on a page must differ.
    svg = re.sub(r'( id="|url\(#|href="#)', rf"\g<1>{name}-", svg)
    # Without the XML declaration. The content is safe: numbers and fixed labels only.
    return Markup(svg[svg.index("<svg") :])  # noqa: S704 # no user input
