import os
from pathlib import Path

import pytest

from pipeline.cli.captioning.process import prepare


@pytest.mark.parametrize("needs_registry", [True, False])
def test_prepare_silences_tensorflow_but_for_crashes(
    needs_registry: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Set first, so that the variable is removed again after the test.
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "")
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL")
    prepare(tmp_path, needs_registry=needs_registry)
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "3"
