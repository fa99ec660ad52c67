from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.errors import CaptionflowError, SettingError
from components.storage import filesystem
from components.storage.filesystem import require_writable
from components.storage.transfer import exists, read_remote
from components.storage.upload import upload

_GOOGLE_DENIED = '{"error": {"code": 403, "message": "ann lacks storage.objects.create"}}'
_S3_ERROR = "<Error><Code>{}</Code><Message>ann lacks s3:PutObject</Message></Error>"


def _failure(call: Callable[[], Any]) -> CaptionflowError:
    with pytest.raises(CaptionflowError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("use", ["list", "write", "check"])
def test_missing_bucket_is_an_error_that_says_how_to_create_it(
    remote: Any, file: Path, use: str
) -> None:
    uri = f"{remote.kind}://unknown/data"
    calls = {
        "list": lambda: exists(uri),
        "write": lambda: upload(file, uri),
        "check": lambda: require_writable(uri),
    }
    error = _failure(calls[use])
    assert type(error) is SettingError
    command = {"gs": "gcloud storage buckets create gs://", "s3": "aws s3 mb s3://"}[remote.kind]
    assert f"`{command}unknown`" in str(error)
    assert str(error).endswith(f"Received: {uri}")


def test_missing_right_is_an_error_that_says_what_to_grant(
    proxy: Any, remote: Any, file: Path
) -> None:
    denied = {"gs": _GOOGLE_DENIED, "s3": _S3_ERROR.format("AccessDenied")}[remote.kind]
    proxy.fault = lambda asked: (403, denied) if asked.method in ("POST", "PUT") else None
    for call in (
        lambda: upload(file, f"{remote.uri}/data"),
        lambda: require_writable(f"{remote.uri}/checkpoints"),
    ):
        error = _failure(call)
        assert type(error) is SettingError
        assert f"allowed to use {remote.kind}://runs" in str(error)
        assert {"gs": "objectUser", "s3": "s3:DeleteObject"}[remote.kind] in str(error)
        assert str(error).split("Received: ")[1].startswith("ann lacks")


def test_refused_credentials_are_an_error_that_says_how_to_get_some(
    proxy: Any, remote: Any
) -> None:
    refused = {
        "gs": (401, '{"error": {"code": 401, "message": "Anonymous caller"}}'),
        "s3": (403, _S3_ERROR.format("InvalidAccessKeyId")),
    }
    proxy.fault = lambda _: refused[remote.kind]
    error = _failure(lambda: exists(f"{remote.uri}/data"))
    assert type(error) is SettingError
    assert {"gs": "gcloud auth", "s3": "aws configure"}[remote.kind] in str(error)


@pytest.mark.parametrize("key_file", [None, "/nowhere/key.json"])
def test_google_without_credentials_is_an_error(
    key_file: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("STORAGE_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "gcloud"))
    # Or the client would look for the metadata server of a Google machine.
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    if key_file:
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", key_file)
    error = _failure(lambda: exists("gs://photos/data"))
    assert type(error) is SettingError
    assert "or name a key file in GOOGLE_APPLICATION_CREDENTIALS" in str(error)
    assert (key_file or "credentials were not found") in str(error)


def test_s3_without_credentials_is_an_error(
    s3_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, "/nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    # Another address than that of the other tests, whose session has credentials.
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server.replace("127.0.0.1", "localhost"))
    error = _failure(lambda: exists("s3://runs/data"))
    assert type(error) is SettingError
    assert "or set AWS_ACCESS_KEY_ID" in str(error)


def test_other_refusals_repeat_the_words_of_the_store(proxy: Any, remote: Any) -> None:
    refusals = {
        "gs": '{"error": {"code": 400, "message": "Odd\\n request"}}',
        "s3": "<Error><Code>Odd</Code><Message>Odd\n request</Message></Error>",
    }
    proxy.fault = lambda _: (400, refusals[remote.kind])
    error = _failure(lambda: read_remote(f"{remote.uri}/data"))
    assert type(error) is SettingError
    assert f"refuses {remote.uri}/data. " in str(error)
    assert "Odd request" in str(error)


@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize("fault", [(503, ""), "cut", "silence"])
def test_requests_end_in_one_line_if_the_store_never_answers(
    proxy: Any, remote: Any, file: Path, fault: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filesystem, "_SILENCE", 0.1)
    proxy.fault = lambda asked: fault if asked.is_upload else None
    error = _failure(lambda: upload(file, f"{remote.uri}/data"))
    assert type(error) is CaptionflowError
    assert f"must answer: check the network, or try again later. Received for {remote.uri}" in str(
        error
    )
    # Whoever knows an upload's id may go on with it.
    assert "upload_id=" not in str(error).replace("upload_id=…", "")
    assert 6 <= proxy.uploads() <= 40
    assert remote.content() == {}


@pytest.mark.usefixtures("no_waits")
def test_requests_end_in_one_line_if_nobody_listens(
    remote: Any, free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = {"gs": "STORAGE_EMULATOR_HOST", "s3": "AWS_ENDPOINT_URL"}[remote.kind]
    monkeypatch.setenv(variable, f"http://127.0.0.1:{free_port()}")
    error = _failure(lambda: exists(f"{remote.uri}/data"))
    assert type(error) is CaptionflowError
    assert "must answer: check the network" in str(error)
