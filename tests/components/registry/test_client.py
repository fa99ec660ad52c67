import fcntl
import os
import threading
import traceback
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException

from components.errors import CaptionflowError, SettingError
from components.registry.client import (
    check_connection,
    local_tracking_uri,
    mlflow_client,
    tracking_uri,
    without_credentials,
)
from components.registry.runs import log_text, start_run


def test_tracking_uri_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow:5000")
    assert tracking_uri() == "http://mlflow:5000"


@pytest.mark.parametrize("value", [None, "", "  "])
def test_tracking_uri_unset_is_an_error(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    if value is not None:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", value)
    with pytest.raises(SettingError, match="MLFLOW_TRACKING_URI is not set"):
        tracking_uri()


def test_local_tracking_uri_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert local_tracking_uri(Path("runs")) == f"sqlite:///{tmp_path}/runs/mlflow.db"


@pytest.mark.parametrize("name", ["a?b", "a%20b", "new\nline"])
def test_local_tracking_uri_of_a_path_that_mlflow_changes_is_refused(
    name: str, tmp_path: Path
) -> None:
    with pytest.raises(SettingError, match="--root") as caught:
        local_tracking_uri(tmp_path / name / "runs")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "name", ["it's", 'say "a"', "a#b", "100%", "a b", "a;b&c=$d", "back\\slash"]
)
def test_local_tracking_uri_of_an_unusual_path_is_a_store_there(
    name: str, mlflow_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = mlflow_root.rename(mlflow_root.parent / name)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", local_tracking_uri(root))
    run_id = start_run("photos", "first", {})
    log_text(run_id, "a dog runs", "captions.txt")
    assert list(root.rglob("captions.txt"))
    assert list(root.parent.iterdir()) == [root]


def test_without_credentials_keeps_the_address() -> None:
    text = "at http://ann:s3cret@host:5000/x and postgresql://bob@db"
    assert without_credentials(text) == "at http://host:5000/x and postgresql://db"


def test_mlflow_client_of_a_dead_server_says_what_to_do(dead_mlflow: str) -> None:
    with pytest.raises(CaptionflowError) as caught:
        check_connection()
    assert str(caught.value) == dead_mlflow


@pytest.fixture
def refusing_server() -> Iterator[str]:
    class Refuse(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(401)
            self.end_headers()
            self.wfile.write(b"You are not authenticated.")

        do_POST = do_GET  # noqa: N815 # http.server's name

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Refuse)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_mlflow_client_with_wrong_credentials_says_what_to_do(
    refusing_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://ann:secret@{refusing_server}")
    with pytest.raises(CaptionflowError) as caught:
        check_connection()
    message = str(caught.value)
    assert message.startswith(f"MLflow at http://{refusing_server} rejects these credentials")
    for fact in ("~/.mlflow/credentials", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_TOKEN"):
        assert fact in message
    assert "secret" not in message


@pytest.mark.parametrize(
    "text", ["password s3cret", "[mlflow]\nmlflow_tracking_password = s3cret%1\n"]
)
def test_mlflow_client_with_a_broken_credentials_file_says_how_it_must_look(
    text: str, refusing_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".mlflow").mkdir()
    (tmp_path / ".mlflow" / "credentials").write_text(text)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://{refusing_server}")
    with pytest.raises(
        SettingError, match=r"^~/\.mlflow/credentials is not a valid ini file"
    ) as caught:
        check_connection()
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


def test_mlflow_client_in_a_place_that_cannot_be_made_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "taken").write_text("a file")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", local_tracking_uri(tmp_path / "taken"))
    with pytest.raises(SettingError, match=r"must point to a writable folder: .*taken"):
        check_connection()


def test_mlflow_client_waits_less_than_mlflow_unless_told(
    mlflow_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", raising=False)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "7")
    with mlflow_client():
        assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "3"
        assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "7"


def test_mlflow_client_waits_while_another_makes_the_store(mlflow_root: Path) -> None:
    def connect() -> None:
        with mlflow_client():
            pass

    folder = os.open(mlflow_root, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    second = threading.Thread(target=connect)
    second.start()
    second.join(0.5)
    assert second.is_alive()
    os.close(folder)
    second.join(10)
    assert not second.is_alive()


def test_mlflow_client_on_a_full_disk_says_so(mlflow_root: Path) -> None:
    # As MLflow reports files that it could not copy.
    message = (
        "The following failures occurred:\n##### File x #####\n[Errno 28] No space left on device"
    )
    with pytest.raises(CaptionflowError, match="no space is left on the disk"), mlflow_client():
        raise MlflowException(message)
