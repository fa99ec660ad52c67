from typing import Any

import pytest
from apache_beam.options.pipeline_options import FlinkRunnerOptions

from components.errors import SettingError
from components.runtime.beam import beam_options
from components.settings.beam_flags import beam_arguments, temp_location
from components.settings.data import VocabularySettings
from components.settings.encoder import EncoderSettings


@pytest.mark.parametrize(
    ("flags", "location"),
    [
        ("", ""),
        ("--runner=X --temp=gs://a", ""),
        ("--temp_location=gs://a/b --runner=X", "gs://a/b"),
        ("--temp_location 's3://a/b c'", "s3://a/b c"),
        ("--temp_location", ""),
    ],
)
def test_temp_location_is_the_value_of_beams_flag(flags: str, location: str) -> None:
    assert temp_location(flags) == location


@pytest.mark.parametrize("location", ["/mnt/x", "hdfs://a/b"])
def test_temp_location_must_be_an_address(location: str) -> None:
    with pytest.raises(SettingError, match=rf"gs://, s3://, file://.*'{location}'"):
        VocabularySettings.check({"beam_flags": f"--temp_location={location}"})


@pytest.mark.parametrize("store", ["", "features", "/mnt/features"])
def test_store_must_be_an_address_if_workers_share_nothing(store: str) -> None:
    settings: dict[str, Any] = {"beam_flags": "--temp_location=gs://a/b", "store": store}
    with pytest.raises(SettingError, match=rf"store must begin with .*Received: '{store}'"):
        EncoderSettings.check(settings)
    assert EncoderSettings.check({**settings, "store": "s3://a/features"})
    assert EncoderSettings.check({**settings, "beam_flags": ""})


def test_beam_arguments_have_an_engines_flags_before_the_users_own() -> None:
    own = "--parallelism=4 --temp_location='s3://a/b c'"
    arguments = beam_arguments(f"{own} --engine=flink")
    assert arguments[0] == "--runner=FlinkRunner"
    assert arguments[-2:] == ["--parallelism=4", "--temp_location=s3://a/b c"]
    assert beam_options(f"{own} --engine flink").view_as(FlinkRunnerOptions).parallelism == 4


def test_beam_arguments_without_an_engine_are_the_users_own() -> None:
    assert beam_arguments("--runner=X --y 'a b'") == ["--runner=X", "--y", "a b"]
    assert beam_arguments("--engine=local") == beam_arguments("") == []


@pytest.mark.parametrize("flags", ["--engine=spark", "--engine"])
def test_settings_refuse_an_unknown_engine(flags: str) -> None:
    with pytest.raises(SettingError, match="--engine must be one of local, flink, dataflow"):
        VocabularySettings.check({"beam_flags": flags})
