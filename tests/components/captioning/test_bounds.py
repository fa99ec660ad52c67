from dataclasses import fields
from typing import Any, get_args

import pytest
from annotated_types import Ge, Le, Lt

from components.captioning.decoding.search import DecodingConfig
from components.captioning.model.decoder import ModelConfig
from components.settings.run import RunSettings


def _bounds(constraints: Any) -> dict[str, Any]:
    # Settings have Pydantic's constraints one by one, the bundle's fields as one `Field`.
    flat = [each for item in constraints for each in getattr(item, "metadata", [item])]
    return {repr(each).partition("(")[0]: each for each in flat if isinstance(each, Ge | Le | Lt)}


@pytest.mark.parametrize("config", [ModelConfig, DecodingConfig])
def test_bounds_of_a_bundle_are_those_of_the_settings(config: Any) -> None:
    checked = 0
    for field in fields(config):
        setting = RunSettings.model_fields.get(field.name)
        constraints = get_args(field.type)[1:]
        if setting is None or not hasattr(field.type, "__metadata__"):
            continue
        expected = _bounds(setting.metadata)
        if field.name == "embedding_width":  # 0 means that of GloVe's vectors
            expected["Ge"] = _bounds(constraints)["Ge"]
        assert _bounds(constraints) == expected, field.name
        checked += 1
    assert checked >= 4
