import re
from xml.dom import minidom

import matplotlib as mpl
import pytest

from components.evaluate.curve import draw_loss_curve, draw_risk_coverage


def _texts(svg: str) -> list[str]:
    texts = minidom.parseString(svg).getElementsByTagName("text")  # noqa: S318 # our own drawing
    return [text.firstChild.data for text in texts]


def test_draw_loss_curve_is_an_svg_element_with_labels() -> None:
    svg = draw_loss_curve([3.0, 2.5, 2.2], [3.1, 2.4, 2.5], best_epoch=2)
    assert svg.startswith("<svg")
    texts = _texts(svg)
    assert {"epoch", "loss (nats per word)", "train", "dev"} <= set(texts)
    assert {"1", "2", "3"} <= set(texts)
    assert not {"1.5", "0", "4"} & set(texts)


def test_draw_loss_curve_draws_each_epoch() -> None:
    svg = draw_loss_curve([3.0, 2.0, 1.0], [3.0, 2.5, 2.0], best_epoch=3)
    drawn = re.findall(
        r'<path d="([^"]*)"[^>]*style="fill: none; stroke: var\((--train|--dev)\)', svg
    )
    # In reverse, so that the curves overwrite the lines of the legend, which are drawn last.
    heights = {
        colour: [float(y) for y in re.findall(r"[ML] [\d.]+ ([\d.]+)", path)]
        for path, colour in reversed(drawn)
    }
    assert {colour: len(points) for colour, points in heights.items()} == {"--train": 3, "--dev": 3}
    # Both start at the same height; train falls twice as far as dev. SVG's y axis points down.
    train, dev = (heights[name][2] - heights[name][0] for name in ("--train", "--dev"))
    assert heights["--train"][0] == heights["--dev"][0]
    assert dev > 0
    assert abs(train - 2 * dev) < 0.01


def test_draw_loss_curve_uses_only_the_colours_of_the_page() -> None:
    svg = draw_loss_curve([3.0, 2.0], [3.0, 2.5], best_epoch=1)
    assert set(re.findall(r"(?:stroke|fill): ([^;\"]+)", svg)) == {
        "none",
        "var(--ink-soft)",
        "var(--rule)",
        "var(--train)",
        "var(--dev)",
    }


def test_draw_loss_curve_of_one_epoch() -> None:
    assert "1" in _texts(draw_loss_curve([3.0], [3.1], best_epoch=1))


def test_draw_loss_curve_is_reproducible_and_does_not_change_matplotlib_settings() -> None:
    settings = dict(mpl.rcParams)
    first, second = (draw_loss_curve([3.0, 2.0], [3.0, 2.5], 1) for _ in range(2))
    assert first == second
    assert dict(mpl.rcParams) == settings


def test_draw_risk_coverage_draws_each_point_at_its_height() -> None:
    curve = [
        {"coverage": coverage, "risk": risk}
        for coverage, risk in ((0.25, 0.1), (0.5, 0.2), (1.0, 0.4))
    ]
    svg = draw_risk_coverage(curve)
    assert {"captions, surest first (%)", "not good (%)", "100"} <= set(_texts(svg))
    (path,) = re.findall(r'<path d="([^"]*)"[^>]*style="fill: none; stroke: var\(--dev\)', svg)
    points = [(float(x), float(y)) for x, y in re.findall(r"[ML] ([\d.]+) ([\d.]+)", path)]
    (x1, y1), (x2, y2), (x3, y3) = points
    assert x3 - x2 == pytest.approx(2 * (x2 - x1), abs=0.01)
    # SVG's y axis points down.
    assert y2 - y3 == pytest.approx(2 * (y1 - y2), abs=0.01)
