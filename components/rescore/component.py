"""The KFP step `rescore`."""

from typing import Any

from kfp.dsl import Artifact, Dataset, Input, Output

from components.runtime.step import step
from components.settings.shared import ModelNameSettings


@step(ModelNameSettings)
def rescore(
    settings: dict[str, Any],
    examples: Input[Dataset],
    manifest: Input[Dataset],
    baseline: Output[Artifact],
) -> None:
    """Captions the test photos of this run with the champion, if there is one.

    See `components.rescore.run.rescore_champion`.
    """
    from components.runtime.execution import run_step

    with run_step("rescore", examples, manifest) as ready:
        from components.rescore.run import rescore_champion
        from components.settings.shared import ModelNameSettings

        ready()
        model_name = ModelNameSettings.check(settings).model_name
        rescore_champion(
            examples.path, manifest.path, model_name=model_name, baseline=baseline.path
        )
