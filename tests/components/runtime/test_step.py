from typing import Any

import pytest

from components.runtime.image import IMAGE
from components.runtime.step import step
from components.settings.base import SettingsGroup, setting


class Size(SettingsGroup):
    width: int = setting(3, "Width in pixels")
    name: str = setting("x", "Name of the box")


@step(Size)
def area(settings: dict[str, Any], height: int) -> str:
    """Multiplies."""
    return f"{settings['name']}: {settings['width'] * height}"


def test_step_runs_in_the_image_and_installs_nothing() -> None:
    container = area.component_spec.implementation.container
    assert container.image == IMAGE
    assert "pip install" not in " ".join(container.command)


def test_step_has_an_input_per_setting() -> None:
    inputs = area.component_spec.inputs
    types = {name: spec.type for name, spec in inputs.items()}
    assert types == {"width": "Integer", "name": "String", "height": "Integer"}
    assert area.python_func(width=4, name="box", height=5) == "box: 20"


def test_step_runs_the_rewritten_function_in_a_pod() -> None:
    text = area.component_spec.implementation.container.command[-1]
    assert "def area(width: int, name: str, height: int) -> str:" in text
    assert "settings = {'width': width, 'name': name}" in text


def test_step_without_groups_keeps_the_function() -> None:
    @step()
    def greet(name: str) -> str:
        return f"hello {name}"

    assert greet.python_func("you") == "hello you"


def test_step_without_settings_as_first_parameter_is_an_error() -> None:
    with pytest.raises(TypeError, match="must be settings"):

        @step(Size)
        def wrong(height: int) -> None:
            """Has no settings."""
