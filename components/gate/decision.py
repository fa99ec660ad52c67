"""The gate's rule: thresholds first, then a paired bootstrap test against the champion."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from components.artifacts.champion_predictions import ChampionPredictions
from components.artifacts.scores import confidence_scores, search_scores
from components.errors import SettingError
from components.gate.comparison import Comparison, JointScore, compare
from components.gate.thresholds import NAMES, read_thresholds
from components.settings.release import MAX_MARGIN

#: Significance level: a difference with a larger p-value counts as chance.
SIGNIFICANCE_LEVEL = 0.05

# Points; far below what a test set can resolve, above the rounding errors of a sum.
_ROUNDING = 1e-9


class Decision(NamedTuple):
    """The gate's decision about a model.

    Attributes:
        passed: Whether the model may be registered.
        reason: Why or why not, for people.
        comparison: The comparison with the champion; None if there was none.
        champion: Version of the champion that the gate compared with; empty if there was none.
    """

    passed: bool
    reason: str
    comparison: Comparison | None = None
    champion: str = ""


class Prediction(NamedTuple):
    """A model's caption of a test photo.

    Attributes:
        image_id: As in the manifest.
        caption: The generated caption, normalised.
        references: The photo's references, normalised.
    """

    image_id: str
    caption: str
    references: Sequence[str]


def decide(
    scores: Mapping[str, Any],
    predictions: Sequence[Prediction],
    baseline: ChampionPredictions | None,
    *,
    floors: str,
    margin: float,
) -> Decision:
    """Decides whether a scored model may become champion.

    1. Each score must reach its threshold.
    2. Without a champion, nothing else is required. A champion that can't be compared with is not
       replaced.
    3. BLEU-4 + CIDEr-D must be significantly better than the champion's, by a paired bootstrap test
       on the same photos. For a model trained on more photos than the champion, it is enough that
       the sum is not lower by more than the non-inferiority margin.

    Args:
        scores: The content of `scores.json`.
        predictions: The model's captions of the test photos.
        baseline: The champion's captions of the same photos; None if there is no champion.
        floors: Thresholds, see `thresholds.read_thresholds`.
        margin: Non-inferiority margin in points of BLEU-4 + CIDEr-D, 0 to 1100.

    Returns:
        The decision; its reason states the numbers and the champion's version.

    Raises:
        SettingError: If a threshold or the margin breaks its rule.
    """
    thresholds = read_thresholds(floors)
    if not 0 <= margin <= MAX_MARGIN:
        raise SettingError(f"margin must be 0 to {MAX_MARGIN:g} points. Received: {margin}")
    measured = {**search_scores(scores, "beam"), **confidence_scores(scores)}
    if fault := _below_threshold(measured, thresholds, scores.get("not_measured", {})):
        return Decision(False, f"Not released: {fault}")
    reached = [
        f"{NAMES[name]} is {measured[name]:.2f} (at least {threshold:.2f} required)"
        for name, threshold in thresholds.items()
    ]
    summary = ", ".join(reached) or f"BLEU-4 is {measured['bleu4']:.2f} (no threshold is set)"
    if baseline is None:
        return Decision(True, f"Passed: {summary}; there is no champion yet")
    if baseline.incomparable:
        return Decision(
            False,
            f"Not released: {summary}, but champion v{baseline.version} {baseline.incomparable}, "
            "so the two can't be compared. Give the new model another name (`--model-name`), or "
            "remove the alias champion from that version",
        )
    comparison = compare(
        [each.caption for each in predictions],
        [baseline.captions[each.image_id] for each in predictions],
        [each.references for each in predictions],
    )
    passed, verdict = _against_champion(comparison, baseline, margin)
    outcome = "Passed" if passed else "Not released"
    return Decision(passed, f"{outcome}: {summary}; {verdict}", comparison)


def _below_threshold(
    measured: Mapping[str, float], thresholds: Mapping[str, float], not_measured: Mapping[str, str]
) -> str:
    """Returns why the scores alone are not enough; empty if they are."""
    for name, value in measured.items():
        if not math.isfinite(value):
            return f"{NAMES[name]} is {value}, which is not a valid score"
    for name, threshold in thresholds.items():
        if name not in measured:
            reason = f" ({not_measured[name]})" if name in not_measured else ""
            return (
                f"{NAMES[name]} was not measured{reason}; at least {threshold:.2f} is required "
                "(`--floors`)"
            )
        if measured[name] < threshold:
            shown, required = _distinct_decimals(measured[name], threshold)
            return f"{NAMES[name]} is {shown}; at least {required} is required (`--floors`)"
    return ""


def _against_champion(
    comparison: Comparison, baseline: ChampionPredictions, margin: float
) -> tuple[bool, str]:
    """Returns whether a model may replace the champion, and why or why not."""
    challenger, champion = _distinct_decimals(
        comparison.challenger.total, comparison.champion.total
    )
    ours, theirs = comparison.challenger, comparison.champion
    score = f"BLEU-4 + CIDEr-D {challenger} ({_both(ours)})"
    against = (
        f"champion v{baseline.version}'s {champion} ({_both(theirs)}) on the same photos "
        f"(p = {comparison.p_value:.3f})"
    )
    significant = comparison.p_value < SIGNIFICANCE_LEVEL
    if comparison.difference > _ROUNDING and significant:
        return True, f"{score} is significantly better than {against}"
    if baseline.data_grew:
        below = f"{margin:g} (`--margin`) below {against}"
        if comparison.difference >= -margin - _ROUNDING:
            return True, (
                f"{score} is at most {below}, which is enough for a model trained on more photos"
            )
        return False, (
            f"{score} is more than {below}, too much even for a model trained on more photos"
        )
    if significant:
        return False, f"{score} is significantly worse than {against}"
    return False, f"{score} is not significantly better than {against}"


def _both(score: JointScore) -> str:
    return f"{score.bleu4:.2f} + {score.cider_d:.2f}"


def _distinct_decimals(one: float, other: float) -> tuple[str, str]:
    """Formats two numbers with two decimals, or with as many as show which one is larger."""
    digits = 2
    while one != other and digits < 9 and f"{one:.{digits}f}" == f"{other:.{digits}f}":
        digits += 1
    return f"{one:.{digits}f}", f"{other:.{digits}f}"
