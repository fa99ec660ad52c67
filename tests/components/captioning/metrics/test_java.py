import re
from pathlib import Path

import pytest
from java_programs import FakeJava

from components.captioning.metrics import spice_jars
from components.captioning.metrics.java import JAVA_METRICS

METRICS = sorted(JAVA_METRICS)


@pytest.mark.parametrize("language", ["zh", "de-AT", "und"])
@pytest.mark.parametrize("metric", METRICS)
def test_why_not_other_language(metric: str, language: str) -> None:
    assert re.search(rf"English, .* is {language}$", JAVA_METRICS[metric].why_not(language))


@pytest.mark.parametrize("metric", METRICS)
def test_why_not_without_java(metric: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert "java" in JAVA_METRICS[metric].why_not("en-GB")


def test_why_not_english_with_java(fake_java: FakeJava) -> None:
    fake_java("")
    assert JAVA_METRICS["meteor"].why_not("en") == JAVA_METRICS["meteor"].why_not("en-GB") == ""


def test_why_not_spice_is_what_is_missing(
    fake_java: FakeJava, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_java("")
    monkeypatch.setattr(spice_jars, "SPICE_FOLDER", tmp_path)
    assert JAVA_METRICS["spice"].why_not("en") == spice_jars.missing_jars() != ""
