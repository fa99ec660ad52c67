import re
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient
from typer.testing import CliRunner, Result

from components.registry.approval import propose
from components.registry.history import Promotion
from components.registry.models import find_champion, read_model
from components.registry.promotion import promote
from components.registry.runs import start_run
from pipeline.cli.models.commands import app

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
    from components.registry.client import local_tracking_uri

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
        promote(_MODEL, "1", reason="passed: it is the first", compared_with="")
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
        "Version 2 of captioner is now the champion.\n"
    )
    assert says() == ["two dogs"]
    assert _invoke("rollback").output == "Version 1 of captioner is now the champion.\n"
    assert says() == ["a dog"]


@pytest.mark.usefixtures("root")
def test_list_shows_scores_alias_and_history() -> None:
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
    assert [row[0] for row in rows] == ["1", "3", "1"]
    assert "rolled back  and nothing else (" in champions
    assert "promoted     it sees [cats] (" in champions
    assert "registered   passed: it is the first (" in champions


def _propose(version: str, compared_with: str = "1") -> None:
    propose(
        _MODEL, version, reason="passed", compared_with=compared_with, experiment="photos", key="k"
    )


@pytest.mark.usefixtures("root")
def test_list_and_show_mark_the_candidate_and_approve_makes_it_champion() -> None:
    _propose("2")
    shown = _invoke("list").output
    assert _row(shown, "2 ")[4:6] == ["22.57", "candidate"]
    assert "Version 2 waits for approval" in shown and "approve 2 --why" in shown
    assert _invoke("show", "2").output.startswith("captioner version 2, candidate\n")
    assert _invoke("approve", "2", "--why", "more dogs").output == (
        "Version 2 of captioner is now the champion.\n"
    )
    shown = _invoke("list").output
    assert "waits for approval" not in shown
    assert re.search(r"approved +more dogs \(.+@", shown)
    assert find_champion(_MODEL).version == "2"  # type: ignore[union-attr] # there is one


@pytest.mark.usefixtures("root")
def test_reject_takes_the_candidate_back_and_keeps_the_champion() -> None:
    _propose("2")
    shown = _invoke("reject", "2", "--why", "cats").output
    assert "Version 2" in shown and "rejected" in shown
    shown = _invoke("list").output
    assert "candidate" not in shown and "rejected: cats (" in shown
    assert _row(_invoke("show", "2").output, "approval ")[-1] == "cats"
    assert find_champion(_MODEL).version == "1"  # type: ignore[union-attr] # there is one


@pytest.mark.usefixtures("root")
def test_list_says_that_an_outdated_candidate_needs_another_comparison() -> None:
    _propose("2")
    _invoke("promote", "3", "--why", "by hand")
    assert "the gate compared it with version 1" in _invoke("list").output
    assert "version 3 is champion now" in _failed("approve", "2", "--why", "x")


@pytest.mark.usefixtures("root")
def test_list_and_show_mark_a_promotion_that_came_too_late() -> None:
    for version in ("2", "3"):
        late = Promotion(number=2, action="register", version=version, reason="passed", author="x")
        key = f"promotion.000002.{version}"
        MlflowClient().set_registered_model_tag(_MODEL, key, late.model_dump_json())
    MlflowClient().set_registered_model_alias(_MODEL, "champion", "2")
    shown = _invoke("list").output
    assert "The alias champion is on" not in shown
    rows = [line.split() for line in shown.split("champion  since")[1].splitlines()[1:3]]
    assert [(row[0], row[4]) for row in rows] == [("3", "too"), ("2", "registered")]
    assert "by x: passed" not in _invoke("show", "3").output
    assert "by x: passed" in _invoke("show", "2").output


def test_list_warns_of_an_alias_that_was_moved_by_hand(root: Path) -> None:
    assert "The alias champion is on" not in _invoke("list").output
    MlflowClient().set_registered_model_alias(_MODEL, "champion", "2")
    shown = _invoke("list").output
    assert "The alias champion is on version 2" in shown and "promotion is version 1" in shown
    # To look changes nothing.
    assert find_champion(_MODEL).version == "2"  # type: ignore[union-attr] # there is one


@pytest.mark.usefixtures("root")
def test_show_prints_all_records_of_a_version() -> None:
    shown = _invoke("show", "1").output
    version = read_model(_MODEL).version("1")
    assert shown.startswith("captioner version 1, champion\n")
    for name, text in {
        "training run": version.run_id,
        "model URI": "models:/captioner/1",
        "BLEU-4": "21.5678",
        "test_fingerprint": "f" * 64,
        "note": "[red]x[/x]",
    }.items():
        assert " ".join(_row(shown, f"{name} ")) == f"{name} {text}"
    assert shown.splitlines()[-1].endswith("passed: it is the first")
    # The champion, if none is named.
    assert _invoke("show").output == shown
    assert _invoke("show", "2").output.startswith("captioner version 2\n")


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show", "9"), "captioner has no version 9. Its versions are: 3, 2, 1"),
        (("promote", "9", "--why", "x"), "captioner has no version 9."),
        (("promote", "2", "--why", " "), "The reason is empty. Give one with --why"),
        (("approve", "9", "--why", "x"), "captioner has no version 9."),
        (("approve", "2", "--why", "x"), "Version 2 of captioner does not wait for approval"),
        (("approve", "2", "--why", " "), "The reason is empty. Give one with --why"),
        (("reject", "2", "--why", "x"), "Version 2 of captioner does not wait for approval"),
        (("rollback",), "captioner has no earlier champion"),
        (("list", "--model", "nobody"), "There is no model nobody in MLflow at sqlite:"),
    ],
)
def test_wrong_arguments_end_in_one_line(arguments: tuple[str, ...], message: str) -> None:
    assert _failed(*arguments).startswith(message)


def test_commands_without_a_champion_say_so(root: Path) -> None:
    client = MlflowClient()
    client.create_registered_model("young")
    client.create_model_version("young", "file:///nowhere")
    assert _failed("list") == "There are several models: captioner, young. Choose one with --model"
    shown = _invoke("list", "--model", "young")
    assert (shown.exit_code, "There is no champion yet" in shown.output) == (0, True)
    assert _failed("show", "--model", "young").startswith("young has no champion yet")
    assert _failed("rollback", "--model", "young").startswith("young has no earlier champion")


@pytest.mark.usefixtures("mlflow_root")
def test_list_without_a_model_fails() -> None:
    assert _failed("list").startswith("No model is registered in MLflow at sqlite:")


def test_list_uses_the_store_of_the_work_folder_and_creates_none(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Empty is as good as unset; and set, so that it is put back.
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    message = _failed("list", "--root", str(tmp_path / "never"))
    assert message.startswith(f"There are no runs in {tmp_path}/never yet") and "--root" in message
    assert not (tmp_path / "never").exists()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    assert _invoke("show", "--root", str(root)).output.startswith("captioner version 1")


def test_commands_with_an_unreachable_registry_fail(dead_mlflow: str) -> None:
    for arguments in (("list",), ("promote", "1", "--why", "x"), ("rollback",)):
        assert _failed(*arguments) == dead_mlflow
