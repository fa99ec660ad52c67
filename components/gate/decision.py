"""The rule of the gate: the floors, then the champion, then chance."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from components.artifacts.champion_predictions import ChampionPredictions
from components.artifacts.scores import TITLES, search_scores
from components.errors import SettingError
from components.gate.comparison import Comparison, compare
from components.gate.thresholds import read_thresholds

#: A difference that chance makes more often than this is no progress.
SIGNIFICANT = 0.05

# BLEU points; far under what a test set can resolve, over what rounding does to a sum.
_ROUNDING = 1e-9


class Decision(NamedTuple):
    """Whether a model passes, why, in words, and what that was compared with.

    Attributes:
        passed: Whether it does.
        reason: Why, or why not.
        comparison: With the champion; None if there is none, or it came to no comparison.
        champion: The champion's version that the gate compared with; empty if there was none.
    """

    passed: bool
    reason: str
    comparison: Comparison | None = None
    champion: str = ""


class Described(NamedTuple):
    """A test photo.

    Attributes:
        image_id: Which.
        caption: What the model says of it, normalised.
        references: What people said of it, likewise.
    """

    image_id: str
    caption: str
    references: Sequence[str]


def decide(
    scores: Mapping[str, Any],
    test: Sequence[Described],
    baseline: ChampionPredictions | None,
    *,
    floors: str,
    margin: float,
) -> Decision:
    """Decides whether a scored model may become champion.

    1. Each score reaches its floor.
    2. Without a champion that is all. One that does not compare is not replaced.
    3. By a paired bootstrap over the same photos its BLEU-4 is better than the champion's. Or it
       learnt from more photos than the champion, and is not worse by more than the tolerance.

    Args:
        scores: What `scores.json` holds.
        test: The photos of test.
        baseline: The champion on the same photos, or None.
        floors: Least scores, see `floors.read_thresholds`.
        margin: BLEU-4 points, 0 to 100.

    Returns:
        The decision; its reason names the numbers and the champion's version.

    Raises:
        SettingError: If a floor or the tolerance breaks its rule.
    """
    least = read_thresholds(floors)
    if not 0 <= margin <= 100:
        raise SettingError(f"margin must be 0 to 100 BLEU points. Received: {margin}")
    found = search_scores(scores, "beam")
    if fault := _under_floor(found, least):
        return Decision(False, f"not passed: {fault}")
    reached = [f"{TITLES[name]} {found[name]:.2f} reaches {least[name]:.2f}" for name in least]
    reaches = ", ".join(reached) or f"BLEU-4 is {found['bleu4']:.2f}, no floor is set"
    if baseline is None:
        return Decision(True, f"passed: {reaches}, and there is no champion yet")
    if baseline.incomparable:
        return Decision(
            False,
            f"not passed: {reaches}, but champion v{baseline.version} {baseline.incomparable}, so "
            "the two do not compare: give the new model another name (model_name), or take the "
            "alias champion from that version",
        )
    captions, references = [each.caption for each in test], [each.references for each in test]
    compared = compare(captions, [baseline.captions[each.image_id] for each in test], references)
    passed, verdict = _against_champion(compared, baseline, margin)
    told = "passed" if passed else "not passed"
    return Decision(passed, f"{told}: {reaches}; {verdict}", compared)


def _under_floor(found: Mapping[str, float], least: Mapping[str, float]) -> str:
    """Returns what is wrong with the scores alone; empty if nothing is."""
    for name, value in found.items():
        if not math.isfinite(value):
            return f"{TITLES[name]} is {value}, which is no score"
    for name, floor in least.items():
        if name not in found:
            return f"{TITLES[name]} has a floor, and was not measured"
        if found[name] < floor:
            ours, lowest = _apart(found[name], floor)
            return f"{TITLES[name]} {ours} is under the floor {lowest}"
    return ""


def _against_champion(
    compared: Comparison, baseline: ChampionPredictions, margin: float
) -> tuple[bool, str]:
    ours, theirs = _apart(compared.bleu4, compared.champion_bleu4)
    rest = (
        f"champion v{baseline.version}'s {theirs} on the same photos (p = {compared.p_value:.3f})"
    )
    surely = compared.p_value < SIGNIFICANT
    if compared.difference > _ROUNDING and surely:
        return True, f"BLEU-4 {ours} is better than {rest}"
    if baseline.data_grew:
        enough = compared.difference >= -margin - _ROUNDING
        within = "within" if enough else "below and not within"
        why = "enough since" if enough else "not enough though"
        return (
            enough,
            f"BLEU-4 {ours} is {within} {margin:g} of {rest}, {why} it learnt from more photos",
        )
    if surely:
        return False, f"BLEU-4 {ours} is worse than {rest}"
    return False, f"BLEU-4 {ours} is not better by more than chance than {rest}"


def _apart(one: float, other: float) -> tuple[str, str]:
    # Two decimals, or as many as it takes to see which is larger.
    digits = 2
    while one != other and digits < 9 and f"{one:.{digits}f}" == f"{other:.{digits}f}":
        digits += 1
    return f"{one:.{digits}f}", f"{other:.{digits}f}"
