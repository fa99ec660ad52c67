from pathlib import Path

import pytest
from mlflow import MlflowClient
from promotions import MODEL, champion, failing, history, promote_all, promotion, record_only

from components.errors import CaptionflowError, DataError, SettingError
from components.registry import promotion as promotion_module
from components.registry.promotion import promote, reconcile_aliases, rollback

pytestmark = pytest.mark.usefixtures("client")


def test_promote_sets_the_alias_and_records_reason_and_author() -> None:
    assert promote(MODEL, "2", reason="passed: the first", compared_with="") == "2"
    assert promote(MODEL, "3", reason="reads better") == "3"
    assert champion() == "3"
    assert [(each.number, each.action, each.version, each.reason) for each in history()] == [
        (1, "register", "2", "passed: the first"),
        (2, "promote", "3", "reads better"),
    ]
    assert all("@" in each.author for each in history())


def test_promote_of_the_champion_records_nothing() -> None:
    promote_all("2", "2")
    assert promote(MODEL, "2", reason="passed", compared_with="1") == "2"
    assert len(history()) == 1


@pytest.mark.parametrize(
    ("model", "version", "facts"),
    [
        (MODEL, "7", "captioner has no version 7.*: 4, 3, 2, 1$"),
        (MODEL, "two", "no version two"),
        ("nobody", "1", r"no model nobody in MLflow at sqlite:.*mlflow\.db"),
    ],
)
def test_promote_of_an_unknown_version_is_an_error(model: str, version: str, facts: str) -> None:
    with pytest.raises(SettingError, match=facts):
        promote(model, version, reason="good")
    assert (history(), champion()) == ([], None)


def test_promote_with_a_reason_of_5000_quotes_fits_into_a_tag() -> None:
    promote(MODEL, "1", reason='"' * 5000)
    assert history()[0].reason == '"' * 2000


def test_rollback_goes_back_and_the_next_one_further() -> None:
    promote_all("1", "2", "1", "3")
    steps = [rollback(MODEL, reason="dogs everywhere"), rollback(MODEL), rollback(MODEL)]
    assert steps == ["1", "2", "1"]
    assert champion() == "1"
    with pytest.raises(CaptionflowError, match="captioner has no earlier champion"):
        rollback(MODEL)
    assert [(each.action, each.reason) for each in history()[4:]] == [
        ("rollback", "dogs everywhere"),
        ("rollback", "version 1 rolled back"),
        ("rollback", "version 2 rolled back"),
    ]


def test_rollback_after_a_promotion_starts_from_there() -> None:
    promote_all("1", "2")
    rollback(MODEL)
    promote_all("3")
    assert rollback(MODEL) == "1"


def test_rollback_skips_deleted_versions(
    client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(promotion_module, "_WAIT_SECONDS", 0.1)
    promote_all("1", "2", "3", "4")
    client.delete_model_version(MODEL, "3")
    client.delete_model_version(MODEL, "4")
    assert champion() is None
    assert (rollback(MODEL), champion()) == ("2", "2")


def test_rollback_without_a_champion_is_an_error() -> None:
    with pytest.raises(CaptionflowError, match="captioner has no earlier champion"):
        rollback(MODEL)


def test_rollback_of_an_alias_set_by_another_program_returns_to_the_recorded_champion(
    client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(promotion_module, "_WAIT_SECONDS", 0.1)
    promote_all("1", "2")
    client.set_registered_model_alias(MODEL, "champion", "3")
    assert [rollback(MODEL), rollback(MODEL)] == ["2", "1"]


def test_promote_interrupted_leaves_the_champion_and_can_be_repeated(
    mlflow_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(promotion_module, "_WAIT_SECONDS", 0.1)
    promote_all("1")
    with failing(mlflow_root, "UPDATE"), pytest.raises(CaptionflowError, match="disk is full"):
        promote_all("2")
    assert champion() == "1"
    # Compared with the alias, which counts as the champion.
    assert promote(MODEL, "2", reason="better", compared_with="1") == "2"
    assert [each.version for each in history()] == ["1", "2", "2"]
    assert rollback(MODEL) == "1"


def test_read_history_orders_by_number_then_time_and_skips_what_is_no_promotion(
    client: MlflowClient, caplog: pytest.LogCaptureFixture
) -> None:
    ordered = [
        promotion(1, "1", second=9),
        promotion(2, "2", second=3),
        promotion(2, "3", second=4),
        promotion(10, "4", second=1),
    ]
    record_only(client, *reversed(ordered))
    client.set_registered_model_tag(MODEL, "promotion.000011.0", '{"version": "2"}')
    assert history() == ordered
    assert "promotion.000011.0" in caplog.text
    assert reconcile_aliases(client, MODEL) == "4"


@pytest.mark.parametrize("compared_with", ["1", "", "7"])
def test_promote_compared_with_another_than_the_champion_is_refused(compared_with: str) -> None:
    promote_all("1", "2")
    then = f"version {compared_with}" if compared_with else "no version"
    with pytest.raises(DataError, match=f"with {then}, but version 2 is champion now"):
        promote(MODEL, "3", reason="passed", compared_with=compared_with)
    assert (champion(), len(history())) == ("2", 2)
