"""The KFP step `rescore`."""

from kfp.dsl import Artifact, Dataset, Input, Output

from components.runtime.step import step


@step
def rescore(
    examples: Input[Dataset],
    manifest: Input[Dataset],
    model_name: str,
    baseline: Output[Artifact],
) -> None:
    """Lets the champion, if there is one, describe the test photos of this run.

    See `components.rescore.run.rescore_champion`.
    """
    from components.runtime.execution import run_step

    with run_step("rescore") as ready:
        from components.rescore.run import rescore_champion

        ready()
        rescore_champion(
            examples.path, manifest.path, model_name=model_name, baseline=baseline.path
        )
