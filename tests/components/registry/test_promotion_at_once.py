"""Promotions by several processes or threads at the same time."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from promotions import (
    MODEL,
    at_once,
    champion,
    failing,
    history,
    promote_all,
    promotion,
    record_only,
)
from warm_processes import warm_executor

from components.errors import DataError
from components.registry import promotion as promotion_module
from components.registry.history import in_effect
from components.registry.models import RegisteredModel, read_model
from components.registry.promotion import promote, reconcile_aliases, rollback

pytestmark = pytest.mark.usefixtures("client")


def test_reconcile_aliases_overtaken_by_another_promotion_follows_that(
    client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(promotion_module, "_WAIT_SECONDS", 0.1)

    class Overtaken(MlflowClient):
        def set_registered_model_alias(self, name: str, alias: str, version: str) -> None:
            if len(history()) == 1:
                promote_all("3")
            super().set_registered_model_alias(name, alias, version)

    record_only(client, promotion(1, "2"))
    assert (reconcile_aliases(Overtaken(), MODEL), champion()) == ("3", "3")


def test_reconcile_aliases_tries_again_when_another_process_creates_the_alias(
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
            with failing(mlflow_root, "INSERT"), pytest.raises(MlflowException) as caught:
                super().set_registered_model_alias(name, alias, version)
            raise caught.value

    record_only(client, promotion(1, "2"))
    assert (reconcile_aliases(Late(), MODEL), champion()) == ("2", "2")


def test_promote_waits_for_a_promotion_in_progress(
    client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(promotion_module, "_WAIT_SECONDS", 60.0)
    promote_all("1")
    record_only(client, promotion(2, "2"))
    polled = Event()

    def read(name: str) -> RegisteredModel:
        model = read_model(name)
        polled.set()
        return model

    monkeypatch.setattr(promotion_module, "read_model", read)
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(promote, MODEL, "3", reason="passed", compared_with="1")
        # It has seen the promotion in progress.
        assert polled.wait(60)
        assert reconcile_aliases(client, MODEL) == "2"
        with pytest.raises(DataError, match="version 2 is champion now"):
            late.result()


def test_of_two_registered_at_the_same_time_the_first_takes_effect(client: MlflowClient) -> None:
    first = promotion(1, "2", second=1, action="register")
    second = promotion(1, "3", second=2, action="register")
    record_only(client, second)
    assert reconcile_aliases(client, MODEL) == "3"
    record_only(client, second, first)
    assert (reconcile_aliases(client, MODEL), champion()) == ("2", "2")
    assert (history(), in_effect(read_model(MODEL).tags)) == ([first, second], [first])


def test_register_three_at_the_same_time_promotes_one() -> None:
    promote_all("1")
    results = at_once(
        *(lambda v=v: promote(MODEL, v, reason="x", compared_with="1") for v in ("2", "3", "4"))
    )
    assert champion() == in_effect(read_model(MODEL).tags)[-1].version
    assert champion() in results
    assert any(isinstance(each, DataError) for each in results)


def test_promotion_and_rollback_at_the_same_time_leave_one_champion() -> None:
    promote_all("1", "2")
    results = at_once(
        lambda: promote(MODEL, "3", reason="one"), lambda: rollback(MODEL, reason="other")
    )
    recorded = history()
    assert {each.reason for each in recorded[2:]} == {"one", "other"}
    assert champion() == recorded[-1].version
    assert champion() in results


def test_33_promotions_three_at_a_time_leave_one_champion_and_a_whole_history(
    client: MlflowClient,
) -> None:
    for _ in range(29):
        client.create_model_version(MODEL, "file:///nowhere")
    with warm_executor(3) as pool:
        running = [
            pool.submit(promote, MODEL, str(number), reason=f"reason {number}")
            for number in range(1, 34)
        ]
        assert {each.result() for each in running} <= {str(number) for number in range(1, 34)}
    recorded = history()
    assert sorted(int(each.version) for each in recorded) == list(range(1, 34))
    assert all(each.reason == f"reason {each.version}" for each in recorded)
    assert champion() == recorded[-1].version
    assert rollback(MODEL) == recorded[-2].version
