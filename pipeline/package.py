"""Compiles the DAG into a package: a YAML file that a Kubeflow cluster runs."""

from pathlib import Path

from kfp import compiler

from components.artifacts.files import atomic_file
from pipeline.dag import captioning_pipeline


def compile_package(target: str | Path) -> None:
    """Writes the package, as `kfp dsl compile --py pipeline/dag.py` does.

    Args:
        target: A `.yaml` file; its folder is created if it does not exist.
    """
    with atomic_file(target) as draft:
        compiler.Compiler().compile(captioning_pipeline, str(draft))
