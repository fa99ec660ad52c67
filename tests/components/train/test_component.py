from pathlib import Path

import pytest
from kfp import dsl

from components.artifacts.files import atomic_directory
from components.errors import SettingError
from components.settings.train import TrainSettings
from components.train.component import train


@pytest.mark.parametrize(
    ("pods", "rule"),
    [
        ({"worker_gpus": "1"}, "worker_gpus needs train_workers above 1. Received: 1 with 1 "),
        ({"train_workers": "4", "gpus": "2"}, "gpus must be 0 if train_workers is above 1"),
    ],
)
def test_train_component_refuses_gpus_of_pods_that_do_not_train(
    pods: dict[str, str], rule: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    artifacts = {
        name: dsl.Artifact(uri=str(tmp_path / name))
        for name in ("examples", "captions", "matrix", "model")
    }
    for name in artifacts:
        with atomic_directory(tmp_path / name):
            pass
    texts = dict.fromkeys(("run_config", "dataset_summary", "run_name", "worker_image"), "")
    with pytest.raises(SystemExit) as caught:
        train.python_func(
            **TrainSettings().model_dump(),
            **artifacts,
            **texts,
            **({"gpus": "0", "train_workers": "1", "worker_gpus": "0"} | pods),
        )
    assert caught.value.code == SettingError.exit_code
    assert capsys.readouterr().out.splitlines()[-1].startswith(f"FAILED train: {rule}")
