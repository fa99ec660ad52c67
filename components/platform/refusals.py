"""What the gate refused, noted in MLflow: the same is not trained again to be refused again.

Where training is not exact to the last digit, each repetition would also be one more try to beat
the champion by chance.
"""

from datetime import timedelta

from components.artifacts.fingerprint import fingerprint_value
from components.platform.registry import find_event, note_event

_EVER = timedelta(days=36_500)


def note_refusal(experiment: str, key: str, reason: str) -> None:
    """Notes that a model was refused, in a run of its own named `not registered`.

    Args:
        experiment: The MLflow experiment that the note goes to.
        key: What was refused, from `refusal_key`.
        reason: Why, in words.

    Raises:
        SettingError: If the experiment was deleted.
        CaptionflowError: If MLflow can't be used.
    """
    note_event(experiment, "not registered", {"refusal": key, "reason": reason})


def find_refusal(experiment: str, key: str) -> str:
    """Returns why the gate refused the same before; empty if it did not.

    Raises:
        CaptionflowError: If MLflow can't be used.
    """
    found = find_event(experiment, {"refusal": key}, newer_than=_EVER)
    return found["reason"] if found else ""


def refusal_key(recipe: str, champion: str, *, model_name: str, floors: str, margin: float) -> str:
    """Returns what a refusal hangs on, as 64 hex digits.

    Args:
        recipe: What the model was made of, as `trigger` tells it.
        champion: The version that it was compared with.
        model_name: The registered model.
        floors: The gate's setting.
        margin: Likewise.
    """
    return fingerprint_value([recipe, champion, model_name, floors, margin])
