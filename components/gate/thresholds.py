"""The floors: scores that a model needs in any case, whatever the champion has."""

from components.artifacts.scores import TITLES
from components.errors import SettingError


def read_thresholds(text: str) -> dict[str, float]:
    """Returns the floors that a setting names.

    Args:
        text: Such as `bleu4=40 cider_d=50`, names as in `artifacts.scores.TITLES`; empty: none.

    Returns:
        The least score by name.

    Raises:
        SettingError: If a name is not known or stands twice, or a number is not 0 or more.
    """
    floors: dict[str, float] = {}
    for part in text.split():
        name, equals, number = part.partition("=")
        try:
            least = float(number)
        except ValueError:
            least = -1.0
        # CIDEr-D, times 100, is at most 1,000; the others are 0 to 100.
        highest = 1000.0 if name == "cider_d" else 100.0
        if not equals or name not in TITLES or name in floors or not 0 <= least <= highest:
            raise SettingError(
                f"floors must be scores and the least they may be, 0 to {highest:g}, each once, "
                f"such as 'bleu4=40 cider_d=50'; there are {', '.join(TITLES)}. Received: "
                f"{part!r} in {text!r}"
            )
        floors[name] = least
    return floors
