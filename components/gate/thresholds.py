"""Thresholds: scores that every model must reach, whatever the champion scores."""

from components.artifacts.scores import CONFIDENCE_TITLES, TITLES
from components.errors import SettingError

#: Display names of the scores that may have a threshold.
NAMES = {**TITLES, **CONFIDENCE_TITLES}


def read_thresholds(text: str) -> dict[str, float]:
    """Parses the setting `floors`.

    Args:
        text: Such as `bleu4=40 cider_d=50`, with names from `NAMES`; empty: none.

    Returns:
        The lowest score allowed, by name.

    Raises:
        SettingError: If a name is unknown or repeated, or a number is out of range.
    """
    thresholds: dict[str, float] = {}
    for part in text.split():
        name, equals, number = part.partition("=")
        try:
            threshold = float(number)
        except ValueError:
            threshold = -1.0
        # CIDEr-D, times 100, is at most 1,000; the others are 0 to 100.
        highest = 1000.0 if name.endswith("cider_d") else 100.0
        if not equals or name not in NAMES or name in thresholds or not 0 <= threshold <= highest:
            raise SettingError(
                "floors must be scores with their lowest allowed values, "
                f"0 to {highest:g}, each once, such as 'bleu4=40 cider_d=50'. "
                f"The scores are {', '.join(NAMES)}. Received: {part!r} in {text!r}"
            )
        thresholds[name] = threshold
    return thresholds
