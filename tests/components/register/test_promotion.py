import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier

import pytest
from mlflow import MlflowClient

from components.errors import CaptionflowError, SettingError
from components.platform.registry import champion
from components.register.history import Promotion, next_promotion
from components.register.promotion import promote, rollback, settle
from components.register.versions import read_model

_MODEL = "captioner"


def _alias() -> str | None:
    found = champion(_MODEL)
    return None if found is None else found.version


def _history() -> list[Promotion]:
    return list(read_model(_MODEL).history)


def _note(client: MlflowClient, version: str) -> None:
    """Notes a promotion and no more: as one that is under way, or broke off."""
    model = read_model(_MODEL)
    noted = next_promotion(
        model.history, action="promote", version=version, before=model.champion, why="x", by="x"
    )
    client.set_registered_model_tag(_MODEL, *noted.tag)


@pytest.mark.usefixtures("client")
def test_promote_sets_the_alias_and_notes_why_and_by_whom(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "ann")
    assert promote(_MODEL, "2", why="passed: it is the first", action="register") == "2"
    assert promote(_MODEL, "3", why="reads better") == "3"
    assert _alias() == "3"
    noted = [(each.action, each.version, each.before, each.why) for each in _history()]
    assert noted == [
        ("register", "2", None, "passed: it is the first"),
        ("promote", "3", "2", "reads better"),
    ]
    assert _history()[0].by.startswith("ann@")
    assert _history()[0].when <= _history()[1].when


@pytest.mark.usefixtures("client")
def test_promote_the_champion_notes_nothing() -> None:
    promote(_MODEL, "2", why="good")
    assert promote(_MODEL, "2", why="good") == "2"
    assert len(_history()) == 1


def test_promote_what_only_has_the_alias_by_hand_is_noted(client: MlflowClient) -> None:
    promote(_MODEL, "2", why="good")
    client.set_registered_model_alias(_MODEL, "champion", "1")
    assert promote(_MODEL, "1", why="meant so") == "1"
    assert [(each.version, each.before) for each in _history()] == [("2", None), ("1", "1")]


@pytest.mark.parametrize(
    ("model", "version", "told"),
    [
        (_MODEL, "7", r"version must be one of captioner's, which has 4, 3, 2, 1\. Received: 7$"),
        (_MODEL, "two", r"version must be one of captioner's.*Received: two$"),
        ("nobody", "1", r"model must be registered in sqlite:.*mlflow\.db\. Received: nobody$"),
    ],
)
@pytest.mark.usefixtures("client")
def test_promote_what_is_not_there_is_an_error(model: str, version: str, told: str) -> None:
    with pytest.raises(SettingError, match=told):
        promote(model, version, why="good")
    assert _history() == [] and _alias() is None


@pytest.mark.usefixtures("client")
def test_rollback_goes_back_and_the_next_one_further() -> None:
    for version in ("1", "2", "3"):
        promote(_MODEL, version, why="better")
    assert (rollback(_MODEL, why="it sees dogs everywhere"), _alias()) == ("2", "2")
    assert (rollback(_MODEL), _alias()) == ("1", "1")
    with pytest.raises(CaptionflowError, match="captioner has no champion before version 1 to go"):
        rollback(_MODEL)
    noted = [(each.action, each.version, each.before, each.why) for each in _history()[3:]]
    assert noted == [
        ("rollback", "2", "3", "it sees dogs everywhere"),
        ("rollback", "1", "2", "version 2 is taken back"),
    ]


@pytest.mark.usefixtures("client")
def test_rollback_after_a_promotion_starts_from_there() -> None:
    for version in ("1", "2"):
        promote(_MODEL, version, why="better")
    rollback(_MODEL)
    promote(_MODEL, "3", why="better")
    assert rollback(_MODEL) == "1"


def test_rollback_reaches_the_champion_from_before_promotions_were_noted(
    client: MlflowClient,
) -> None:
    client.set_registered_model_alias(_MODEL, "champion", "1")
    promote(_MODEL, "2", why="better")
    assert (rollback(_MODEL), _alias()) == ("1", "1")
    with pytest.raises(CaptionflowError, match="no champion before version 1"):
        rollback(_MODEL)


def test_rollback_passes_over_versions_that_were_deleted(client: MlflowClient) -> None:
    for version in ("1", "2", "3", "4"):
        promote(_MODEL, version, why="better")
    client.delete_model_version(_MODEL, "3")
    client.delete_model_version(_MODEL, "4")
    assert _alias() is None
    assert (rollback(_MODEL), _alias()) == ("2", "2")


@pytest.mark.usefixtures("client")
def test_rollback_without_a_champion_is_an_error() -> None:
    with pytest.raises(CaptionflowError, match=r"^captioner has no champion yet"):
        rollback(_MODEL)


@pytest.mark.parametrize(("moved", "told"), [("3", "version 3"), (None, "no version")])
@pytest.mark.usefixtures("impatient")
def test_rollback_of_an_alias_that_was_moved_by_hand_asks_which_is_meant(
    moved: str | None, told: str, client: MlflowClient
) -> None:
    for version in ("1", "2"):
        promote(_MODEL, version, why="better")
    client.delete_registered_model_alias(_MODEL, "champion")
    if moved:
        client.set_registered_model_alias(_MODEL, "champion", moved)
    with pytest.raises(CaptionflowError, match=f"Of captioner {told} has the alias champion, but"):
        rollback(_MODEL)
    assert (_alias(), len(_history())) == (moved, 2)


@pytest.mark.usefixtures("patient")
def test_rollback_waits_for_a_promotion_under_way(client: MlflowClient) -> None:
    promote(_MODEL, "1", why="better")
    _note(client, "2")
    with ThreadPoolExecutor(1) as pool:
        back = pool.submit(rollback, _MODEL)
        assert settle(client, _MODEL) == "2"
        assert back.result() == "1"
    assert [each.action for each in _history()] == ["promote", "promote", "rollback"]


def test_promote_after_one_that_broke_off_leaves_both_noted(client: MlflowClient) -> None:
    _note(client, "1")
    assert _alias() is None
    assert promote(_MODEL, "2", why="better") == "2"
    assert [each.version for each in _history()] == ["1", "2"]


def test_promote_broken_off_leaves_the_champion_and_can_be_repeated(
    client: MlflowClient, mlflow_root: Path
) -> None:
    promote(_MODEL, "1", why="first")
    with closing(sqlite3.connect(mlflow_root / "mlflow.db")) as database:
        database.execute(
            "CREATE TRIGGER fail BEFORE UPDATE ON registered_model_aliases "
            "BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
        )
    with pytest.raises(CaptionflowError, match="the disk is full"):
        promote(_MODEL, "2", why="better")
    assert _alias() == "1"
    with closing(sqlite3.connect(mlflow_root / "mlflow.db")) as database:
        database.execute("DROP TRIGGER fail")
    assert (promote(_MODEL, "2", why="better"), _alias()) == ("2", "2")
    assert rollback(_MODEL) == "1"


def test_settle_undoes_an_alias_that_was_set_late(client: MlflowClient) -> None:
    # One promotion notes itself, a later one overtakes it, then the first sets the alias.
    _note(client, "1")
    promote(_MODEL, "2", why="better")
    client.set_registered_model_alias(_MODEL, "champion", "1")
    assert (settle(client, _MODEL), _alias()) == ("2", "2")


@pytest.mark.parametrize("second", ["promote", "rollback"])
@pytest.mark.usefixtures("client", "patient")
def test_two_at_the_same_time_end_in_one_champion_and_both_are_noted(second: str) -> None:
    for version in ("1", "2"):
        promote(_MODEL, version, why="better")
    start = Barrier(2)

    def at_once(act: Callable[[], str]) -> str:
        start.wait()
        return act()

    others = {
        "promote": lambda: promote(_MODEL, "4", why="other"),
        "rollback": lambda: rollback(_MODEL, why="other"),
    }
    with ThreadPoolExecutor(2) as pool:
        told = list(pool.map(at_once, [lambda: promote(_MODEL, "3", why="one"), others[second]]))
    history = _history()
    assert {each.why for each in history[2:]} == {"one", "other"}
    assert _alias() == history[-1].version
    # Who came last in the order was told so; the other was told this or its own.
    assert _alias() in told


@pytest.mark.usefixtures("client")
def test_many_at_the_same_time_end_in_one_champion_and_all_are_noted() -> None:
    start = Barrier(8)

    def act(number: int) -> None:
        start.wait()
        promote(_MODEL, str(number % 4 + 1), why=f"reason {number}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(act, range(8)))
    history = _history()
    # Two that promote one version: the second may find that nothing is left to do.
    assert {each.version for each in history} == {"1", "2", "3", "4"}
    assert len({each.place for each in history}) == len(history) >= 4
    assert _alias() == history[-1].version
