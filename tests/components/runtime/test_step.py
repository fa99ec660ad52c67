from components.runtime.image import IMAGE, step


def test_step_runs_in_the_image_and_installs_nothing() -> None:
    @step
    def greet(name: str) -> str:
        return f"hello {name}"

    container = greet.component_spec.implementation.container
    assert container.image == IMAGE
    assert "pip install" not in " ".join(container.command)
    assert greet.python_func("you") == "hello you"
