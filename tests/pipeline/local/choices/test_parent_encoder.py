import os
import signal
from typing import Any

import pytest

from components.artifacts.files import TRAINING_FILE, atomic_directory, write_json
from components.artifacts.training_photos import TrainingPhotos
from components.errors import CaptionflowError, SettingError
from components.features.building import build_encoder
from components.settings.run import RunSettings
from pipeline.local.choices import parent_encoder
from pipeline.local.choices.parent_encoder import _compare, require_parent_encoder

# The smallest network that Keras has.
_ENCODER = {"encoder": "MobileNet", "encoder_weights": "random", "precision": "float32"}


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("parents") / "parent"
    with atomic_directory(folder) as aside:
        build_encoder(RunSettings.check(_ENCODER), "float32").spec.save(aside)
        write_json(aside / TRAINING_FILE, {"mlflow_run_id": "run"})
        TrainingPhotos(frozenset(), frozenset()).save(aside)
    return str(folder)


def _die() -> None:
    """Ends this process as the kernel does when memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)


def _settings(parent: str, **changed: Any) -> RunSettings:
    return RunSettings.check({**_ENCODER, "start_from": parent, **changed})


def test_require_parent_encoder_refuses_other_weights(parent: str) -> None:
    with pytest.raises(SettingError, match=r"encoder must be that of .*parent.*MobileNet"):
        require_parent_encoder(_settings(parent, seed=4))


def test_require_parent_encoder_names_the_likely_reason_of_a_killed_process(
    parent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parent_encoder, "_silence", _die)
    with pytest.raises(CaptionflowError, match=r"MobileNet.*memory") as raised:
        require_parent_encoder(_settings(parent))
    assert parent in str(raised.value)


def test_compare_accepts_the_same_encoder(parent: str) -> None:
    _compare(parent, _settings(parent).model_dump())
