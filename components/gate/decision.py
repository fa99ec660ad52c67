"""The rule of the gate: the floor, and not worse than the champion where the two compare."""

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from components.platform.errors import SettingError

if TYPE_CHECKING:
    # MLflow comes with it, and the rule has no need of it.
    from components.platform.registry import Champion

# BLEU points; far under what a test set can resolve, over what rounding does to a sum.
_ROUNDING = 1e-9


class Decision(NamedTuple):
    """Whether a model passes, and why, in words."""

    passed: bool
    reason: str


def decide(
    scores: dict[str, Any], champion: "Champion | None", *, floor: float, tolerance: float = 0.0
) -> Decision:
    """Decides whether a scored model may become champion.

    1. Its BLEU-4 reaches the floor.
    2. Where the champion was scored on the same test set with the same BLEU signature, the
       BLEU-4 is not worse than the champion's less the tolerance; equal is not worse.
       Otherwise the two numbers do not compare, and the floor alone decides.

    Args:
        scores: What `scores.json` holds.
        champion: The registered champion, or None.
        floor: The least BLEU-4, 0 to 100.
        tolerance: BLEU points that the model may be worse than the champion.

    Returns:
        The decision; its reason names both numbers and the champion's version.

    Raises:
        SettingError: If floor or tolerance is out of range.
    """
    if not 0 <= floor <= 100:
        raise SettingError(f"bleu4_floor must be 0 to 100 BLEU points. Received: {floor}")
    if not 0 <= tolerance <= 100:
        raise SettingError(f"tolerance must be 0 to 100 BLEU points. Received: {tolerance}")
    bleu4 = float(scores["bleu"]["bleu4"])
    if not math.isfinite(bleu4):
        return Decision(False, f"not passed: BLEU-4 is {bleu4}, which is no score")
    if bleu4 < floor:
        ours, least = _apart(bleu4, floor)
        return Decision(False, f"not passed: BLEU-4 {ours} is under the floor {least}")
    reaches = f"BLEU-4 {bleu4:.2f} reaches the floor {floor:.2f}"
    if champion is None:
        return Decision(True, f"passed: {reaches}, and there is no champion yet")
    if difference := _incomparable(scores, champion):
        return Decision(
            True,
            f"passed: {reaches}, which alone decides: champion v{champion.version} {difference}",
        )
    best = float(champion.tags["bleu4"])
    ours, theirs = _apart(bleu4, best)
    reaches = f"BLEU-4 {ours} reaches the floor {floor:.2f}"
    rival = f"champion v{champion.version}'s {theirs}"
    if tolerance:
        rival += f" less the tolerance {tolerance:g}"
    if bleu4 < best - tolerance - _ROUNDING:
        return Decision(False, f"not passed: {reaches} but is worse than {rival}")
    return Decision(True, f"passed: {reaches} and is not worse than {rival}")


def _incomparable(scores: dict[str, Any], champion: "Champion") -> str:
    """Returns why the champion's score says nothing about these; empty if it does."""
    try:
        scored = math.isfinite(float(champion.tags.get("bleu4", "nan")))
    except ValueError:
        scored = False
    if not scored:
        return "carries no BLEU-4 to compare with"
    if champion.tags.get("test_fingerprint") != scores["test_fingerprint"]:
        return "was scored on another test set"
    if _rules(champion.tags.get("bleu_signature", "")) != _rules(scores["signature"]):
        return "was scored with another BLEU signature"
    return ""


def _rules(signature: str) -> list[str]:
    # How BLEU was computed; which sacrebleu did it is no other rule.
    return [part for part in signature.split("|") if not part.startswith("version:")]


def _apart(one: float, other: float) -> tuple[str, str]:
    # Two decimals, or as many as it takes to see which is larger.
    digits = 2
    while one != other and digits < 9 and f"{one:.{digits}f}" == f"{other:.{digits}f}":
        digits += 1
    return f"{one:.{digits}f}", f"{other:.{digits}f}"
