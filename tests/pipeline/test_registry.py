import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient
from typer.testing import CliRunner, Result

from components.platform.registry import champion, start_run
from components.register.history import next_promotion
from components.register.promotion import promote
from components.register.versions import read_model
from pipeline.registry import app

_MODEL = "captioner"
# A model that says which one it is.
_SAYS = """
import mlflow


class Says(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input):
        return ["{caption}"] * len(model_input)


mlflow.models.set_model(Says())
"""
_CAPTIONS = {"1": "a dog", "2": "two dogs", "3": "a cat"}


@pytest.fixture(scope="module")
def store(mlflow_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work folder with three registered versions, the first of them promoted by the pipeline."""
    from components.platform.tracking import local_tracking_uri

    root = tmp_path_factory.mktemp("registry")
    (root / "mlflow.db").write_bytes(mlflow_database.read_bytes())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", local_tracking_uri(root))
        client = MlflowClient()
        client.create_registered_model(_MODEL)
        for number, caption in _CAPTIONS.items():
            run_id = start_run("photos", "train", {})
            (root / "says.py").write_text(_SAYS.format(caption=caption))
            with mlflow.start_run(run_id=run_id):
                logged = mlflow.pyfunc.log_model(
                    name="captioner", python_model=str(root / "says.py"), pip_requirements=[]
                )
            tags = {"bleu4": f"2{number}.5678", "test_fingerprint": "f" * 64, "note": "[red]x[/x]"}
            client.create_model_version(_MODEL, logged.model_uri, run_id, tags=tags)
        promote(_MODEL, "1", why="passed: it is the first", action="register")
    return root


@pytest.fixture
def root(store: Path, mlflow_root: Path) -> Path:
    """A copy of that folder's store for one test to change."""
    (mlflow_root / "mlflow.db").write_bytes((store / "mlflow.db").read_bytes())
    return mlflow_root


def _invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "120"})


def _failed(*arguments: str) -> str:
    ended = _invoke(*arguments)
    assert ended.exit_code != 0 and ended.stdout == ""
    assert ended.stderr.startswith("captionflow: ") and ended.stderr.count("\n") == 1
    return ended.stderr.removeprefix("captionflow: ").rstrip()


def _row(shown: str, start: str) -> list[str]:
    return next(line for line in shown.splitlines() if line.startswith(start)).split()


@pytest.mark.usefixtures("root")
def test_promote_then_rollback_changes_what_the_alias_loads() -> None:
    def says() -> Any:
        model: Any = mlflow.pyfunc.load_model(f"models:/{_MODEL}@champion")
        return model.predict([1])

    assert says() == ["a dog"]
    assert _invoke("promote", "2", "--why", "more dogs").output == (
        "captioner version 2 is champion\n"
    )
    assert says() == ["two dogs"]
    assert _invoke("rollback").output == "captioner version 1 is champion\n"
    assert says() == ["a dog"]


@pytest.mark.usefixtures("root")
def test_list_shows_scores_alias_and_who_was_champion_when_and_why() -> None:
    _invoke("promote", "3", "--why", "it sees [cats]")
    _invoke("rollback", "--why", "and nothing else")
    shown = _invoke("list").output
    versions, champions = shown.split("champion  since")
    assert [line.split()[0] for line in versions.splitlines()[3:6]] == ["3", "2", "1"]
    row = _row(versions, "1 ")
    assert row[3:6] == ["UTC", "21.57", "champion"]
    assert " ".join(row[6:]) == "and nothing else"
    assert "champion" not in _row(versions, "3 ")
    rows = [line.split() for line in champions.splitlines()[1:]]
    assert [(row[0], row[4]) for row in rows[:2]] == [("1", "3"), ("3", "1")]
    assert "rolled back  and nothing else (" in champions
    assert "promoted     it sees [cats] (" in champions
    assert "registered   passed: it is the first (" in champions


@pytest.mark.usefixtures("root")
def test_list_and_show_tell_a_promotion_that_came_too_late() -> None:
    model = read_model(_MODEL)
    for version in ("2", "3"):
        noted = next_promotion(
            model.history, action="register", version=version, before="1", why="passed", by="x",
            compared_with="1",
        )  # fmt: skip
        MlflowClient().set_registered_model_tag(_MODEL, *noted.tag)
    MlflowClient().set_registered_model_alias(_MODEL, "champion", "2")
    shown = _invoke("list").output
    assert "The last promotion is" not in shown
    rows = [line.split() for line in shown.split("champion  since")[1].splitlines()[1:3]]
    assert [(row[0], row[5]) for row in rows] == [("3", "too"), ("2", "registered")]
    assert "registered by" not in _invoke("show", "3").output
    assert "registered by x: passed" in _invoke("show", "2").output


def test_list_tells_an_alias_that_was_moved_by_hand(root: Path) -> None:
    assert "The last promotion is" not in _invoke("list").output
    MlflowClient().set_registered_model_alias(_MODEL, "champion", "2")
    shown = _invoke("list").output
    assert "The last promotion is that of version 1, but version 2 has the alias" in shown
    # To look changes nothing.
    assert champion(_MODEL).version == "2"  # type: ignore[union-attr] # there is one


@pytest.mark.usefixtures("root")
def test_show_tells_all_that_is_noted_of_a_version() -> None:
    shown = _invoke("show", "1").output
    version = next(each for each in read_model(_MODEL).versions if each.number == "1")
    assert shown.startswith("captioner version 1, champion\n")
    for name, text in {
        "run": version.run_id,
        "loads": "as models:/captioner/1",
        "BLEU-4": "21.5678",
        "test_fingerprint": "f" * 64,
        "note": "[red]x[/x]",
    }.items():
        assert _row(shown, f"{name} ")[1:] == text.split()
    assert "registered by " in shown and ": passed: it is the first" in shown
    # The champion, if none is named.
    assert _invoke("show").output == shown
    assert _invoke("show", "2").output.startswith("captioner version 2\n")


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("show", "9"), "version must be one of captioner's, which has 3, 2, 1. Received: 9"),
        (("promote", "9", "--why", "x"), "version must be one of captioner's, which has 3, 2, 1."),
        (("promote", "2", "--why", " "), "why must give the reason. Received: ' '"),
        (("rollback",), "captioner has no champion before version 1 to go back to"),
        (("list", "--model", "nobody"), "model must be registered in sqlite:"),
    ],
)
def test_wrong_arguments_end_in_one_line(arguments: tuple[str, ...], told: str) -> None:
    assert _failed(*arguments).startswith(told)


def test_no_champion_yet_is_told(root: Path) -> None:
    client = MlflowClient()
    client.create_registered_model("young")
    client.create_model_version("young", "file:///nowhere")
    told = "model must be named, one of captioner, young. Received: nothing"
    assert _failed("list") == told
    shown = _invoke("list", "--model", "young")
    assert (shown.exit_code, "There is no champion yet" in shown.output) == (0, True)
    for command in ("show", "rollback"):
        assert _failed(command, "--model", "young").startswith("young has no champion yet: ")


@pytest.mark.usefixtures("mlflow_root")
def test_registry_without_a_model_is_told() -> None:
    assert _failed("list").startswith("No model is registered in sqlite:")


def test_store_of_the_work_folder_is_found_and_none_is_made(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Empty is as good as unset; and set, so that it is put back.
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    told = _failed("list", "--root", str(tmp_path / "never"))
    assert told.startswith("root must be a work folder with an MLflow store: run the pipeline")
    assert not (tmp_path / "never").exists()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    assert _invoke("show", "--root", str(root)).output.startswith("captioner version 1")


def test_registry_that_does_not_answer_is_told(dead_mlflow: str) -> None:
    for arguments in (("list",), ("promote", "1", "--why", "x"), ("rollback",)):
        assert _failed(*arguments) == dead_mlflow


def test_two_commands_at_the_same_time_end_in_one_champion(root: Path) -> None:
    command = [sys.executable, "-m", "pipeline.registry", "promote"]
    commands = [
        subprocess.Popen(
            [*command, number, "--why", f"reason {number}"],
            cwd=Path(__file__).parents[2],
            env=dict(os.environ),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in ("2", "3")
    ]
    ended = [(process.communicate(), process.returncode) for process in commands]
    assert [(streams[1], code) for streams, code in ended] == [("", 0), ("", 0)]
    history = read_model(_MODEL).history
    assert {each.why for each in history[1:]} == {"reason 2", "reason 3"}
    released = champion(_MODEL)
    assert released is not None and released.version == history[-1].version
    assert f"captioner version {released.version} is champion\n" in {
        streams[0] for streams, _ in ended
    }
