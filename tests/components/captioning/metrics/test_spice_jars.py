from pathlib import Path

import pytest
from java_programs import FakeJava

from components.captioning.metrics import spice_jars
from components.captioning.metrics.spice_jars import missing_jars

PARSER = ["stanford-corenlp-3.6.0.jar", "stanford-corenlp-3.6.0-models.jar"]
ASM = [f"asm{part}-7.3.1.jar" for part in ("", "-analysis", "-commons", "-tree", "-util")]


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of jars, without any."""
    monkeypatch.setattr(spice_jars, "SPICE_FOLDER", tmp_path)
    (tmp_path / "lib").mkdir()
    return tmp_path / "lib"


def _install(fake_java: FakeJava, version: str) -> None:
    fake_java(f"import sys\nprint('openjdk version \"{version}\"', file=sys.stderr)\n")


def test_missing_jars_are_named_by_maven_coordinates(library: Path, fake_java: FakeJava) -> None:
    _install(fake_java, "11.0.2")
    (library / PARSER[0]).touch()
    models = "edu.stanford.nlp:stanford-corenlp:3.6.0:jar:models"
    assert missing_jars() == f"these jars from Maven Central must be in {library}: {models}"
    (library / PARSER[1]).touch()
    assert missing_jars() == ""


def test_missing_jars_since_java_15_include_a_javascript_engine(
    library: Path, fake_java: FakeJava
) -> None:
    for name in PARSER:
        (library / name).touch()
    _install(fake_java, "14.0.1")
    assert missing_jars() == ""
    _install(fake_java, "15")
    assert "org.openjdk.nashorn:nashorn-core:15.4, org.ow2.asm:asm:7.3.1," in missing_jars()
    (library / "nashorn-core-15.4.jar").touch()
    for name in ASM[:-1]:
        (library / name).touch()
    assert missing_jars() == (
        f"these jars from Maven Central must be in {library}: org.ow2.asm:asm-util:7.3.1"
    )
    (library / ASM[-1]).touch()
    assert missing_jars() == ""
