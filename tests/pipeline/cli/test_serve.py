import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipeline.cli.app import app


@pytest.fixture(autouse=True)
def store_of_the_work_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # Set, so that it is restored; empty, so that the command uses the store in its work folder.
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    monkeypatch.chdir(tmp_path)


def _invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["serve", "--port", "0", *map(str, arguments)])


def _one_line(ended: Result) -> str:
    assert len(ended.stderr.splitlines()) == 1
    return ended.stderr.removeprefix("captionflow: ")


@pytest.mark.parametrize(
    "model", ["models:/", "models:/x", "models:/x/0", "models:/x@a b", "models:/x/latest"]
)
def test_serve_a_malformed_uri_names_the_forms(model: str) -> None:
    ended = _invoke("--model", model)
    assert ended.exit_code == 2
    message = _one_line(ended)
    assert "models:/NAME@ALIAS" in message and message.endswith(f"Received: {model}\n")


def test_serve_an_incomplete_bundle_fails(tmp_path: Path) -> None:
    ended = _invoke("--model", tmp_path)
    assert ended.exit_code == 3
    assert _one_line(ended).startswith(f"{tmp_path} must be a complete model bundle")


@pytest.mark.usefixtures("mlflow_root")
@pytest.mark.parametrize("alias", ["candidate", "champion"])
def test_serve_an_alias_that_no_version_has_names_it(alias: str) -> None:
    ended = _invoke("--model", f"models:/captioner@{alias}")
    assert ended.exit_code == 3
    assert "captioner" in _one_line(ended)
    assert alias == "champion" or alias in ended.stderr


def test_serve_with_an_unreachable_registry_fails(dead_mlflow: str) -> None:
    ended = _invoke()
    assert (ended.exit_code, ended.stderr) == (1, f"captionflow: {dead_mlflow}\n")


def test_serve_on_a_taken_port_fails(tiny_bundle: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = _invoke("--model", tiny_bundle, "--port", port)
    assert ended.exit_code == 2
    assert str(port) in _one_line(ended)


def test_serve_on_another_machines_address_names_the_option(tiny_bundle: Path) -> None:
    ended = _invoke("--model", tiny_bundle, "--host", "192.0.2.1")
    assert ended.exit_code == 2
    message = _one_line(ended)
    assert "--host" in message and "192.0.2.1" in message
