from pathlib import Path
from typing import Any

import pytest

from components.errors import CaptionflowError, SettingError
from components.platform.storage import local_copy, require_writable, upload

# As Google's JSON API words it: the emulator knows no permissions, so the proxy refuses for it.
_FORBIDDEN = {
    "error": {
        "code": 403,
        "message": "ann@example.com does not have storage.objects.create access to the Google "
        "Cloud Storage object.",
        "errors": [{"domain": "global", "reason": "forbidden", "message": "…"}],
    }
}
_UNAUTHORIZED = {"error": {"code": 401, "message": "Anonymous caller does not have access."}}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "glove.txt"
    path.write_text("dog 1 2")
    return path


def _failure(call: Any) -> CaptionflowError:
    with pytest.raises(CaptionflowError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize("use", ["read", "write", "check"])
def test_open_place_of_a_missing_bucket_says_how_to_make_it(
    use: str, file: Path, tmp_path: Path
) -> None:
    uri = "gs://unknown/data"
    calls = {
        "read": lambda: local_copy(uri, tmp_path / "copy"),
        "write": lambda: upload(file, uri),
        "check": lambda: require_writable(uri),
    }
    error = _failure(calls[use])
    assert type(error) is SettingError
    assert str(error) == (
        "The bucket must exist: make it with `gcloud storage buckets create gs://unknown`, or "
        "correct its name. Received: gs://unknown/data"
    )


@pytest.mark.parametrize("path", ["/", "/upload/"])
def test_open_place_without_permission_names_the_role(proxy: Any, file: Path, path: str) -> None:
    proxy.break_first(99, (403, _FORBIDDEN), path)
    error = _failure(lambda: upload(file, "gs://photos/data"))
    assert type(error) is SettingError
    assert str(error) == (
        "This account must be allowed to use gs://photos: grant it with `gcloud storage buckets "
        "add-iam-policy-binding gs://photos --member=ACCOUNT --role=roles/storage.objectUser` (to "
        "read alone: objectViewer). Received: 403 ann@example.com does not have "
        "storage.objects.create access to the Google Cloud Storage object."
    )


def test_require_writable_names_what_is_lacking(proxy: Any) -> None:
    require_writable("gs://photos/checkpoints")
    granted = {"permissions": ["storage.objects.get", "storage.objects.list"]}
    proxy.break_first(1, (200, granted), "testPermissions")
    error = _failure(lambda: require_writable("gs://photos/checkpoints"))
    assert type(error) is SettingError
    assert "lacks storage.objects.create, storage.objects.delete" in str(error)


def test_open_place_with_refused_credentials_says_how_to_get_some(
    proxy: Any, tmp_path: Path
) -> None:
    proxy.break_first(99, (401, _UNAUTHORIZED))
    error = _failure(lambda: local_copy("gs://photos/data", tmp_path / "copy"))
    assert type(error) is SettingError
    assert "run `gcloud auth application-default login`" in str(error)
    # The client has answered the 401 by asking for new credentials.
    assert str(error).endswith("Received: Anonymous credentials cannot be refreshed.")


@pytest.mark.usefixtures("without_credentials")
@pytest.mark.parametrize("key_file", [None, "/nowhere/key.json"])
def test_open_place_without_credentials_says_how_to_get_some(
    key_file: str | None, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    if key_file:
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", key_file)
    error = _failure(lambda: upload(file, "gs://photos/data"))
    assert type(error) is SettingError
    assert "or name a key file in GOOGLE_APPLICATION_CREDENTIALS" in str(error)
    assert (key_file or "credentials were not found") in str(error)


@pytest.mark.usefixtures("bucket")
def test_open_place_of_a_name_that_no_bucket_has_is_an_error(file: Path) -> None:
    error = _failure(lambda: upload(file, "gs://photos!/data"))
    assert type(error) is SettingError
    assert str(error) == (
        "Bucket names must start and end with a number or letter. Received: gs://photos!"
    )


def test_open_place_that_is_refused_repeats_googles_own_words(proxy: Any, file: Path) -> None:
    refusal = {"error": {"code": 400, "message": "Invalid bucket name:\n 'Photos'"}}
    proxy.break_first(99, (400, refusal))
    error = _failure(lambda: upload(file, "gs://Photos/data"))
    assert type(error) is SettingError
    assert str(error) == (
        "Cloud Storage refuses gs://Photos/data: 400 Invalid bucket name: 'Photos'"
    )


@pytest.mark.usefixtures("bucket")
def test_open_place_where_nobody_answers_is_worth_another_try(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:9")
    error = _failure(lambda: upload(file, "gs://photos/data", patience=0.2))
    assert type(error) is CaptionflowError
    assert "must answer within 0.2 s" in str(error)
    assert "Connection refused" in str(error)
