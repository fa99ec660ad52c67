"""The package of the DAG: one YAML file that a Kubeflow cluster runs."""

from pathlib import Path

from kfp import compiler

from components.artifacts.files import atomic_file
from pipeline.dag import captioning_pipeline


def compile_package(target: str | Path) -> None:
    """Writes the package, as `kfp dsl compile --py pipeline/dag.py` does.

    Args:
        target: A `.yaml` file; its folder is made if it is not there.
    """
    with atomic_file(target) as aside:
        compiler.Compiler().compile(captioning_pipeline, str(aside))
