import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
import yaml
from kfp import compiler, dsl
from typer.testing import CliRunner

from pipeline.picture.__main__ import PICTURE, app
from pipeline.picture.svg import draw

PROJECT = Path(__file__).parents[3]
_SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def picture(package: Path) -> str:
    return draw(package)


@dsl.component(base_image="python", install_kfp_package=False)
def one() -> str:
    return ""


def _compile(folder: Path, title: str) -> Path:
    @dsl.pipeline(name="tiny")
    def tiny() -> None:
        one().set_display_name(title)

    compiler.Compiler().compile(tiny, str(folder / "tiny.yaml"))
    return folder / "tiny.yaml"


def _texts(root: ET.Element, kind: str) -> set[str]:
    # Of steps, chips and frames: their own text, not that of what is in them.
    groups = (group for group in root.iter(f"{_SVG}g") if group.get("class") == kind)
    texts = (group.find(f"{_SVG}text") for group in groups)
    return {"".join(text.itertext()) for text in texts if text is not None}


def _tasks(dag: dict[str, Any], package: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for task in dag["tasks"].values():
        found.append(task)
        component = package["components"][task["componentRef"]["name"]]
        found += _tasks(component["dag"], package) if "dag" in component else []
    return found


def test_picture_in_the_repository_is_current() -> None:
    ended = CliRunner().invoke(app, ["--check", "--output", str(PROJECT / PICTURE)])
    assert ended.exit_code == 0, ended.output


def test_picture_shows_all_steps_artifacts_and_conditions(package: Path, picture: str) -> None:
    spec = next(yaml.safe_load_all(package.read_text()))
    tasks = _tasks(spec["root"]["dag"], spec)
    conditions = {t["taskInfo"]["name"] for t in tasks if "triggerPolicy" in t}
    steps = {t["taskInfo"]["name"] for t in tasks} - conditions
    sources = [s for t in tasks for s in t["inputs"].get("artifacts", {}).values()]
    artifacts = {
        source["taskOutputArtifact"]["outputArtifactKey"]
        for source in sources
        if "taskOutputArtifact" in source
    }
    assert len(steps) >= 9
    assert artifacts >= {"manifest", "captions", "examples", "matrix", "model", "scores", "report"}
    root = ET.fromstring(picture)  # noqa: S314 # drawn by ourselves
    assert _texts(root, "step") == steps
    assert _texts(root, "chip") == artifacts
    assert _texts(root, "frame") == {f"if {condition}" for condition in conditions}
    assert _texts(root, "badge") == {"GPU"}


def test_picture_is_told_to_those_who_listen(picture: str) -> None:
    root = ET.fromstring(picture)  # noqa: S314 # drawn by ourselves
    names = {root[0].get("id"), root[1].get("id")}
    assert root.get("role") == "img"
    assert set(root.get("aria-labelledby", "").split()) == names
    assert root[0].text == "The steps of captionflow"
    told = root[1].text or ""
    titles = [told.index(title) for title in ("1 ingest", "2 trigger", "6 train", "10 register")]
    assert titles == sorted(titles)
    assert "6 train (if reason to train) makes model on a GPU." in told
    assert "10 register (if reason to train, if passed)." in told


def test_picture_needs_nothing_from_elsewhere(picture: str) -> None:
    assert "http" not in picture.replace("http://www.w3.org/2000/svg", "")
    for word in ("href", "url(", "@import", "@font-face", "<script"):
        assert word not in picture
    assert "prefers-color-scheme: dark" in picture


def test_picture_is_the_same_bytes_in_another_process(package: Path, picture: str) -> None:
    # Python's sets, and protobuf's maps, have another order there.
    drawn = package.with_suffix(".svg")
    subprocess.run(
        [sys.executable, "-m", "pipeline.picture", package, "-o", drawn],
        check=True,
        cwd=PROJECT,
        env={**os.environ, "PYTHONHASHSEED": "1"},
    )
    assert drawn.read_bytes() == picture.encode()


def test_check_fails_in_one_line_when_the_dag_has_changed(tmp_path: Path) -> None:
    drawn = tmp_path / "pictures" / "dag.svg"
    arguments = [str(_compile(tmp_path, "1 first")), "--output", str(drawn)]
    assert CliRunner().invoke(app, [*arguments, "--check"]).exit_code == 1  # there is none yet
    assert not drawn.exists()
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert CliRunner().invoke(app, [*arguments, "--check"]).exit_code == 0
    before = drawn.read_bytes()

    _compile(tmp_path, "1 renamed <&>")
    ended = CliRunner().invoke(app, [*arguments, "--check"])
    assert ended.exit_code == 1
    told = f"captionflow: {drawn} is not current: draw it anew without --check\n"
    assert ended.stderr == told
    assert drawn.read_bytes() == before
    assert CliRunner().invoke(app, arguments).exit_code == 0
    root = ET.fromstring(drawn.read_text())  # noqa: S314 # drawn by ourselves
    assert _texts(root, "step") == {"1 renamed <&>"}


def test_picture_of_a_file_that_is_not_there(tmp_path: Path) -> None:
    ended = CliRunner().invoke(app, [str(tmp_path / "none.yaml"), "-o", str(tmp_path / "x.svg")])
    assert ended.exit_code == 3
    assert ended.stderr == (
        f"captionflow: {tmp_path}/none.yaml can't be read: No such file or directory\n"
    )


@pytest.mark.parametrize("text", ["", "{", "- a list", "name: something else", "root: 1"])
def test_picture_of_a_file_that_is_no_package(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.yaml").write_text(text)
    ended = CliRunner().invoke(app, [str(tmp_path / "x.yaml"), "-o", str(tmp_path / "x.svg")])
    assert ended.exit_code == 3
    assert ended.stderr == (
        f"captionflow: {tmp_path}/x.yaml must be a compiled pipeline: "
        "make one with `kfp dsl compile`\n"
    )
    assert not (tmp_path / "x.svg").exists()
