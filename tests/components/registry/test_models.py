from pathlib import Path

import pytest
from mlflow import MlflowClient

from components.errors import CaptionflowError, SettingError
from components.registry.models import find_champion, models_with_champion, read_model
from components.registry.runs import start_run


@pytest.mark.usefixtures("mlflow_root")
def test_find_champion_without_the_model_is_none() -> None:
    assert find_champion("captioner") is None
    assert models_with_champion() == []


def test_find_champion_without_the_alias_is_none(client: MlflowClient) -> None:
    client.set_registered_model_alias("captioner", "challenger", "1")
    assert find_champion("captioner") is None
    assert models_with_champion() == []


def test_find_champion_is_the_version_with_the_alias(client: MlflowClient) -> None:
    run_id = start_run("photos", "fifth", {})
    client.create_model_version("captioner", "file:///x", run_id, tags={"bleu4": "21.5"})
    client.set_registered_model_alias("captioner", "champion", "5")
    found = find_champion("captioner")
    assert found is not None
    assert (found.version, found.run_id, found.tags) == ("5", run_id, {"bleu4": "21.5"})
    assert models_with_champion() == ["captioner"]


def test_read_model_has_all_versions_newest_first(client: MlflowClient) -> None:
    for _ in range(7):
        client.create_model_version("captioner", "file:///x")
    model = read_model()
    assert (model.name, model.champion) == ("captioner", None)
    assert [each.version for each in model.versions] == [str(n) for n in range(11, 0, -1)]
    assert model.version("10").created <= model.version("11").created


def test_read_model_without_a_name_needs_one_model(client: MlflowClient) -> None:
    client.create_registered_model("young")
    with pytest.raises(SettingError, match=r"captioner, young.*--model"):
        read_model()
    assert read_model("young").versions == []


@pytest.mark.usefixtures("mlflow_root")
def test_read_model_of_an_empty_registry_is_an_error(mlflow_root: Path) -> None:
    with pytest.raises(CaptionflowError, match="No model is registered in MLflow at sqlite:"):
        read_model()
    with pytest.raises(SettingError, match="no model it's in MLflow at sqlite:"):
        read_model("it's")
