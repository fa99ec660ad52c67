"""The command in a report, given to the program, gives the settings of the run again."""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from components.gate.command import command_of
from components.settings.run import RunSettings
from pipeline.cli.app import app
from pipeline.config import Settings, make_settings
from pipeline.local import commands
from pipeline.local.environment import arguments_of

Parse = Callable[[str], Settings]


@pytest.fixture
def parse(monkeypatch: pytest.MonkeyPatch) -> Parse:
    """Returns a function that gives a command to the program, and returns what it would run."""

    def parse(command: str) -> Settings:
        received: list[Settings] = []
        monkeypatch.setattr(
            commands, "run_and_show", lambda settings, *_, **__: received.append(settings)
        )
        program, *arguments = shlex.split(command)
        assert program == "captionflow"
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, result.output
        return received[0]

    return parse


@pytest.fixture
def photos(tmp_path: Path) -> str:
    """Files beside the data set that `captionflow run` would choose if nothing was named."""
    folder = tmp_path / "my photos"
    folder.mkdir()
    (folder / "glove.6B.50d.txt").touch()
    (folder / "xception_weights_notop.h5").touch()
    row = '{"image": "a.jpg", "captions": ["' + 30 * "word " + '"]}'
    (folder / "captions.jsonl").write_text(row)
    (folder / "a.jpg").touch()
    return str(folder)


def test_command_of_the_defaults_names_nothing(parse: Parse) -> None:
    assert command_of(make_settings()) == "captionflow run"
    assert parse("captionflow run") == make_settings()


def test_command_of_generated_scenes_names_what_differs(parse: Parse) -> None:
    settings = make_settings("sample", {"epochs": 9, "floors": "", "force": True})
    command = command_of(settings)
    assert sorted(shlex.split(command)[2:]) == sorted(["--epochs", "9", "--floors", "", "--force"])
    assert parse(command) == settings


def test_command_of_a_local_run_leaves_its_work_folder_to_the_user(parse: Parse) -> None:
    # What the steps of a local run receive.
    received = arguments_of(make_settings("sample", {"epochs": 9}), Path("/work/runs"))
    settings = RunSettings.check({k: v for k, v in received.items() if k in Settings.model_fields})
    assert command_of(settings) == "captionflow run --epochs 9"
    elsewhere = settings.model_copy(update={"store": "/data/features"})
    assert command_of(elsewhere) == "captionflow run --epochs 9 --store /data/features"


@pytest.mark.parametrize(
    ("preset", "changed", "named"),
    [
        ("small", {"model_name": "mine"}, {"--preset", "--dataset", "--model-name"}),
        (
            "small",
            {"model_name": "mine", "glove": "vectors.txt", "epochs": 9, "max_words": 35},
            {"--preset", "--dataset", "--model-name", "--glove", "--epochs", "--max-words"},
        ),
        ("flickr8k", {"glove": "none"}, {"--preset", "--dataset", "--glove"}),
        (
            "flickr8k",
            {"glove": "none", "encoder": "Xception", "floors": ""},
            {"--preset", "--dataset", "--glove", "--encoder", "--floors"},
        ),
        (
            "sample",
            {"encoder_weights": "random"},
            {
                "--preset", "--dataset", "--model-name", "--glove", "--encoder",
                "--encoder-weights",
            },
        ),
    ],
)  # fmt: skip
def test_command_of_own_photos_names_the_preset_and_what_differs(
    preset: str, changed: dict[str, Any], named: set[str], photos: str, parse: Parse
) -> None:
    settings = make_settings(preset, {"dataset": photos, **changed})
    command = command_of(settings)
    assert {word for word in shlex.split(command) if word.startswith("--")} == named
    assert shlex.split(command)[2:4] == ["--preset", preset]
    assert parse(command) == settings
