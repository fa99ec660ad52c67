"""Runs the DAG with kfp.local, and reads the outputs of its steps."""

import contextlib
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kfp import dsl

from components.artifacts.files import read_json
from components.errors import CaptionflowError
from pipeline.dag import captioning_pipeline
from pipeline.kfp_patches import patched_kfp
from pipeline.local.cache import RunCache
from pipeline.local.console import RunView
from pipeline.local.run_folder import RunFolder
from pipeline.local.steps.server import StepServer, step_name
from pipeline.tasks import steps_of


class StepFailedError(CaptionflowError):
    """A step of the DAG failed; the message is the location of the log, then the step's error."""

    has_lines = True


def run_dag(
    arguments: Mapping[str, Any],
    server: StepServer,
    view: RunView,
    folder: RunFolder,
    cache: RunCache,
    log: Path,
) -> None:
    """Runs the DAG with kfp.local.

    Args:
        arguments: The pipeline's parameters.
        server: Runs the steps.
        view: Shows the progress.
        folder: The run's folder.
        cache: Supplies and keeps the outputs of steps.
        log: The log file, which an error names.

    Raises:
        StepFailedError: If a step failed; with its name and its error.
    """
    from components.registry.ownership import RUN_VARIABLE

    variables = {"TMPDIR": str(folder.temporary), RUN_VARIABLE: folder.path.name}

    def run(full_command: list[str], env_vars: dict[str, str]) -> int:
        code = server.run(full_command, {**env_vars, **variables})
        view.end(step_name(full_command), code)
        return code

    try:
        with (
            contextlib.redirect_stdout(view),
            patched_kfp(folder.path.name, cache, run_step=run),
            warnings.catch_warnings(),
        ):
            # kfp.local warns that it ignores display names.
            warnings.filterwarnings("ignore", module=r"kfp\.local")
            captioning_pipeline(**arguments)
    except RuntimeError as error:
        # kfp raises this when a step failed.
        if view.failure is None:
            raise
        raise StepFailedError(f"All output of the run: {log}\n{view.failure}") from error
    except KeyboardInterrupt:
        server.interrupt()
        raise


def read_outputs(spec: Any, folder: Path, cache: RunCache) -> dict[str, Mapping[str, Any]]:
    """Returns the outputs of all steps that ended, by step and name.

    Args:
        spec: The pipeline's spec.
        folder: The run's folder, which alone has the outputs of steps that are never cached.
        cache: The outputs of the other steps.
    """
    outputs: dict[str, Mapping[str, Any]] = {}
    for step in steps_of(spec):
        file = folder / step.name / "executor_output.json"
        if step.name in cache.outputs:
            outputs[step.name] = cache.outputs[step.name]
        elif file.exists():
            written = read_json(file)
            artifacts = {
                name: dsl.Artifact(uri=artifact["uri"], metadata=artifact.get("metadata", {}))
                for name, each in written.get("artifacts", {}).items()
                for artifact in each["artifacts"]
            }
            outputs[step.name] = {**written.get("parameterValues", {}), **artifacts}
    return outputs
