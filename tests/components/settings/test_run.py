import pytest

from components.errors import SettingError
from components.settings.run import RunSettings


def test_run_settings_train_embeddings_that_start_at_random() -> None:
    assert RunSettings.check({"glove": "none"}).glove == "none"
    with pytest.raises(SettingError, match="train_embeddings"):
        RunSettings.check({"glove": "none", "train_embeddings": "false"})
