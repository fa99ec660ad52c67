import signal
from functools import partial
from pathlib import Path

import pytest
from tiny_encoder import write_encoder

from components.artifacts.files import TRAINING_FILE, atomic_directory, write_json
from components.artifacts.training_photos import TrainingPhotos
from components.captioning.encoder.onnx.encoder import OnnxEncoder
from components.errors import CaptionflowError, SettingError
from components.settings.run import RunSettings
from pipeline.local.choices import parent_encoder
from pipeline.local.choices.parent_encoder import _compare, require_parent_encoder


@pytest.fixture
def parent(tmp_path: Path) -> str:
    folder = tmp_path / "parent"
    with atomic_directory(folder) as aside:
        OnnxEncoder.build(write_encoder(tmp_path / "one-convolution")).spec.save(aside)
        write_json(aside / TRAINING_FILE, {"mlflow_run_id": "run"})
        TrainingPhotos(frozenset(), frozenset()).save(aside)
    return str(folder)


def _settings(parent: str, encoder: str = "one-convolution") -> RunSettings:
    return RunSettings.check(
        {"encoder": str(Path(parent).with_name(encoder)), "start_from": parent}
    )


def test_require_parent_encoder_refuses_other_weights(parent: str, tmp_path: Path) -> None:
    write_encoder(tmp_path / "other", gain=1)
    with pytest.raises(SettingError, match=r"encoder must be that of .*parent.*one-convolution"):
        require_parent_encoder(_settings(parent, "other"))


def test_require_parent_encoder_names_the_likely_reason_of_a_killed_process(
    parent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As the kernel does when memory runs out. A function of this file would make the new process
    # import the file and all its libraries.
    killed = partial(signal.raise_signal, signal.SIGKILL)
    monkeypatch.setattr(parent_encoder, "_silence", killed)
    with pytest.raises(CaptionflowError, match=r"one-convolution.*memory") as raised:
        require_parent_encoder(_settings(parent))
    assert parent in str(raised.value)


def test_compare_accepts_the_same_encoder(parent: str) -> None:
    _compare(parent, _settings(parent).model_dump())
