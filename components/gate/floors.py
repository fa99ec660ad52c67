"""The floors: scores that a model needs in any case, whatever the champion has."""

from components.platform.errors import SettingError
from components.platform.scores import TITLES


def read_floors(text: str) -> dict[str, float]:
    """Returns the floors that a setting names.

    Args:
        text: Such as `bleu4=40 cider_d=50`, names as in `platform.scores.TITLES`; empty: none.

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
        if not equals or name not in TITLES or name in floors or not 0 <= least < float("inf"):
            raise SettingError(
                f"floors must be scores and what they have to be, each once, such as 'bleu4=40 "
                f"cider_d=50'; there are {', '.join(TITLES)}. Received: {part!r} in {text!r}"
            )
        floors[name] = least
    return floors
