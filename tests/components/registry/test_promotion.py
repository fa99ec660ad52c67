import multiprocessing
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from components.errors import CaptionflowError, DataError, SettingError
from components.registry import promotion
from components.registry.history import Promotion, in_effect, read_history
from components.registry.models import find_champion, read_model
from components.registry.promotion import promote, rollback, settle

_MODEL = "captioner"
pytestmark = pytest.mark.usefixtures("client")


def _champion() -> str | None:
    found = find_champion(_MODEL)
    return None if found is None else found.version


def _history() -> list[Promotion]:
    return read_history(read_model(_MODEL).tags)


def _promote_all(*versions: str) -> None:
    for version in versions:
        promote(_MODEL, version, reason="better")


def _promotion(number: int, version: str, *, second: int = 0, **changed: Any) -> Promotion:
    given: dict[str, Any] = {"action": "promote", "reason": "better", "author": "ann@here"}
    time = datetime(2026, 11, 24, 3, 0, second, tzinfo=UTC)
    return Promotion(number=number, time=time, version=version, **{**given, **changed})


def _record_only(client: MlflowClient, *promotions: Promotion) -> None:
    """Records promotions without setting the alias, as if they were in progress."""
    for place, each in enumerate(promotions):
        key = f"promotion.{each.number:06d}.{place}"
        client.set_registered_model_tag(_MODEL, key, each.model_dump_json())


@contextmanager
def _failing(root: Path, statement: str) -> Iterator[None]:
    """Lets the database refuse to set aliases."""
    with closing(sqlite3.connect(root / "mlflow.db")) as database:
        database.execute(
            f"CREATE TRIGGER fail BEFORE {statement} ON registered_model_aliases "
            "BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
        )
        yield
        database.execute("DROP TRIGGER fail")


def test_promote_sets_the_alias_and_records_reason_and_author() -> None:
    assert promote(_MODEL, "2", reason="passed: the first", compared_with="") == "2"
    assert promote(_MODEL, "3", reason="reads better") == "3"
    assert _champion() == "3"
    assert [(each.number, each.action, each.version, each.reason) for each in _history()] == [
        (1, "register", "2", "passed: the first"),
        (2, "promote", "3", "reads better"),
    ]
    assert all("@" in each.author for each in _history())


def test_promote_of_the_champion_records_nothing() -> None:
    _promote_all("2", "2")
    assert promote(_MODEL, "2", reason="passed", compared_with="1") == "2"
    assert len(_history()) == 1


@pytest.mark.parametrize(
    ("model", "version", "facts"),
    [
        (_MODEL, "7", "captioner has no version 7.*: 4, 3, 2, 1$"),
        (_MODEL, "two", "no version two"),
        ("nobody", "1", r"no model nobody in MLflow at sqlite:.*mlflow\.db"),
    ],
)
def test_promote_of_an_unknown_version_is_an_error(model: str, version: str, facts: str) -> None:
    with pytest.raises(SettingError, match=facts):
        promote(model, version, reason="good")
    assert (_history(), _champion()) == ([], None)


def test_promote_with_a_reason_of_5000_quotes_fits_into_a_tag() -> None:
    promote(_MODEL, "1", reason='"' * 5000)
    assert _history()[0].reason == '"' * 2000


def test_rollback_goes_back_and_the_next_one_further() -> None:
    _promote_all("1", "2", "1", "3")
    steps = [rollback(_MODEL, reason="dogs everywhere"), rollback(_MODEL), rollback(_MODEL)]
    assert steps == ["1", "2", "1"]
    assert _champion() == "1"
    with pytest.raises(CaptionflowError, match="captioner has no earlier champion"):
        rollback(_MODEL)
    assert [(each.action, each.reason) for each in _history()[4:]] == [
        ("rollback", "dogs everywhere"),
        ("rollback", "version 1 rolled back"),
        ("rollback", "version 2 rolled back"),
    ]


def test_rollback_after_a_promotion_starts_from_there() -> None:
    _promote_all("1", "2")
    rollback(_MODEL)
    _promote_all("3")
    assert rollback(_MODEL) == "1"


def test_rollback_skips_deleted_versions(
    client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(promotion, "_WAIT_SECONDS", 0.1)
    _promote_all("1", "2", "3", "4")
    client.delete_model_version(_MODEL, "3")
    client.delete_model_version(_MODEL, "4")
    assert _champion() is None
    assert (rollback(_MODEL), _champion()) == ("2", "2")


def test_rollback_without_a_champion_is_an_error() -> None:
    with pytest.raises(CaptionflowError, match="captioner has no earlier champion"):
        rollback(_MODEL)


def test_rollback_of_an_alias_set_by_another_program_returns_to_the_recorded_champion(
    client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(promotion, "_WAIT_SECONDS", 0.1)
    _promote_all("1", "2")
    client.set_registered_model_alias(_MODEL, "champion", "3")
    assert [rollback(_MODEL), rollback(_MODEL)] == ["2", "1"]


def test_promote_interrupted_leaves_the_champion_and_can_be_repeated(
    mlflow_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(promotion, "_WAIT_SECONDS", 0.1)
    _promote_all("1")
    with _failing(mlflow_root, "UPDATE"), pytest.raises(CaptionflowError, match="disk is full"):
        _promote_all("2")
    assert _champion() == "1"
    # Compared with the alias, which counts as the champion.
    assert promote(_MODEL, "2", reason="better", compared_with="1") == "2"
    assert [each.version for each in _history()] == ["1", "2", "2"]
    assert rollback(_MODEL) == "1"


def test_read_history_orders_by_number_then_time_and_skips_what_is_no_promotion(
    client: MlflowClient, caplog: pytest.LogCaptureFixture
) -> None:
    ordered = [
        _promotion(1, "1", second=9),
        _promotion(2, "2", second=3),
        _promotion(2, "3", second=4),
        _promotion(10, "4", second=1),
    ]
    _record_only(client, *reversed(ordered))
    client.set_registered_model_tag(_MODEL, "promotion.000011.0", '{"version": "2"}')
    assert _history() == ordered
    assert "promotion.000011.0" in caplog.text
    assert settle(client, _MODEL) == "4"


def test_settle_overtaken_by_another_promotion_follows_that(
    client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(promotion, "_WAIT_SECONDS", 0.1)

    class Overtaken(MlflowClient):
        def set_registered_model_alias(self, name: str, alias: str, version: str) -> None:
            if len(_history()) == 1:
                _promote_all("3")
            super().set_registered_model_alias(name, alias, version)

    _record_only(client, _promotion(1, "2"))
    assert (settle(Overtaken(), _MODEL), _champion()) == ("3", "3")


def test_settle_tries_again_when_another_process_creates_the_alias(
    client: MlflowClient, mlflow_root: Path
) -> None:
    class Late(MlflowClient):
        attempts = 0

        def set_registered_model_alias(self, name: str, alias: str, version: str) -> None:
            self.attempts += 1
            if self.attempts > 1:
                super().set_registered_model_alias(name, alias, version)
                return
            # MLflow raises the same of two inserts at once.
            with _failing(mlflow_root, "INSERT"), pytest.raises(MlflowException) as caught:
                super().set_registered_model_alias(name, alias, version)
            raise caught.value

    _record_only(client, _promotion(1, "2"))
    assert (settle(Late(), _MODEL), _champion()) == ("2", "2")


@pytest.mark.parametrize("compared_with", ["1", "", "7"])
def test_promote_compared_with_another_than_the_champion_is_refused(compared_with: str) -> None:
    _promote_all("1", "2")
    then = f"version {compared_with}" if compared_with else "no version"
    with pytest.raises(DataError, match=f"compared with {then}, but version 2 is champion now"):
        promote(_MODEL, "3", reason="passed", compared_with=compared_with)
    assert (_champion(), len(_history())) == ("2", 2)


def test_promote_waits_for_a_promotion_in_progress(
    client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(promotion, "_WAIT_SECONDS", 60.0)
    _promote_all("1")
    _record_only(client, _promotion(2, "2"))
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(promote, _MODEL, "3", reason="passed", compared_with="1")
        assert settle(client, _MODEL) == "2"
        with pytest.raises(DataError, match="version 2 is champion now"):
            late.result()


def test_of_two_registered_at_the_same_time_the_first_takes_effect(client: MlflowClient) -> None:
    first = _promotion(1, "2", second=1, action="register")
    second = _promotion(1, "3", second=2, action="register")
    _record_only(client, second)
    assert settle(client, _MODEL) == "3"
    _record_only(client, second, first)
    assert (settle(client, _MODEL), _champion()) == ("2", "2")
    assert (_history(), in_effect(_history())) == ([first, second], [first])


def _at_once(*actions: Callable[[], str]) -> list[str | DataError]:
    start = Barrier(len(actions))

    def act(action: Callable[[], str]) -> str | DataError:
        start.wait()
        try:
            return action()
        except DataError as error:
            return error

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(act, actions))


def test_register_three_at_the_same_time_promotes_one() -> None:
    _promote_all("1")
    results = _at_once(
        *(lambda v=v: promote(_MODEL, v, reason="x", compared_with="1") for v in ("2", "3", "4"))
    )
    assert _champion() == in_effect(_history())[-1].version
    assert _champion() in results
    assert any(isinstance(each, DataError) for each in results)


def test_promotion_and_rollback_at_the_same_time_leave_one_champion() -> None:
    _promote_all("1", "2")
    results = _at_once(
        lambda: promote(_MODEL, "3", reason="one"), lambda: rollback(_MODEL, reason="other")
    )
    history = _history()
    assert {each.reason for each in history[2:]} == {"one", "other"}
    assert _champion() == history[-1].version
    assert _champion() in results


def test_33_promotions_three_at_a_time_leave_one_champion_and_a_whole_history(
    client: MlflowClient,
) -> None:
    for _ in range(29):
        client.create_model_version(_MODEL, "file:///nowhere")
    with ProcessPoolExecutor(3, multiprocessing.get_context("spawn")) as pool:
        running = [
            pool.submit(promote, _MODEL, str(number), reason=f"reason {number}")
            for number in range(1, 34)
        ]
        assert {each.result() for each in running} <= {str(number) for number in range(1, 34)}
    history = _history()
    assert sorted(int(each.version) for each in history) == list(range(1, 34))
    assert all(each.reason == f"reason {each.version}" for each in history)
    assert _champion() == history[-1].version
    assert rollback(_MODEL) == history[-2].version
