import shutil
from pathlib import Path

import pytest

from components.captioning.metrics import spice
from components.captioning.metrics.java import JAVA_METRICS

METRICS = sorted(JAVA_METRICS)


@pytest.mark.parametrize("language", ["zh", "de-AT", "und"])
@pytest.mark.parametrize("metric", METRICS)
def test_why_not_other_language(metric: str, language: str) -> None:
    assert language in JAVA_METRICS[metric].why_not(language)


@pytest.mark.parametrize("metric", METRICS)
def test_why_not_without_java(metric: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert "java" in JAVA_METRICS[metric].why_not("en-GB")


@pytest.mark.skipif(shutil.which("java") is None, reason="METEOR needs Java")
def test_why_not_english_with_java() -> None:
    assert JAVA_METRICS["meteor"].why_not("en") == JAVA_METRICS["meteor"].why_not("en-GB") == ""


@pytest.mark.skipif(shutil.which("java") is None, reason="SPICE needs Java")
def test_why_not_spice_names_the_missing_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spice, "_FOLDER", tmp_path)
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "stanford-corenlp-3.6.0.jar").touch()
    absent = JAVA_METRICS["spice"].why_not("en")
    assert absent == f"stanford-corenlp-3.6.0-models.jar must be in {tmp_path / 'lib'}"
    (tmp_path / "lib" / "stanford-corenlp-3.6.0-models.jar").touch()
    assert JAVA_METRICS["spice"].why_not("en") == ""
