"""The KFP step `trigger`."""

from typing import Any, NamedTuple

from kfp.dsl import Dataset, Input

from components.runtime.step import step
from components.settings.run import RunSettings


@step(RunSettings)
def trigger(
    settings: dict[str, Any], manifest: Input[Dataset]
) -> NamedTuple(  # type: ignore[valid-type] # KFP's own form
    "Trigger",
    [
        ("Output", bool), ("reason", str), ("drift", str),
        ("training_config", str), ("run_config", str), ("dataset_summary", str),
    ],
):  # fmt: skip
    """Ends the run early if the champion was trained on the same data with the same settings.

    See `components.trigger.decision.find_reason`.
    """
    from components.runtime.execution import run_step

    with run_step("trigger", manifest) as ready:
        from components.artifacts.dataset_summary import summarize_manifest
        from components.settings.run import RunSettings
        from components.trigger.decision import find_reason
        from components.trigger.long_captions import warn_of_long_captions
        from components.trigger.training_config import make_training_config

        ready()
        checked = RunSettings.check(settings)
        data = summarize_manifest(manifest.path)
        config = make_training_config(data, checked)
        reason = find_reason(config, checked)
        if reason.train:
            warn_of_long_captions(manifest.path, checked.max_words)
        # A plain tuple: kfp.local can test a condition on an output only if it is named "Output".
        return (
            reason.train, reason.text, reason.drift,
            config.to_json(), checked.to_yaml(), data.to_json(),
        )  # fmt: skip
