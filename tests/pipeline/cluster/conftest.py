"""For all tests of the commands that talk to a cluster."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from pipeline.kubeflow import app

Call = Callable[..., Result]


@pytest.fixture
def call(kfp_server: Any, compiled_once: Path) -> Call:
    """Runs a command of `pipeline.kubeflow` against the server."""

    def invoke(command: str, *options: object) -> Result:
        arguments = [command, "--host", kfp_server.url, *map(str, options)]
        return CliRunner().invoke(app, arguments, env={"COLUMNS": "300"})

    return invoke
