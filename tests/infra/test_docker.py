"""The Dockerfile's text, and its commands that run without a container engine."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from components.runtime.image import IMAGE
from pipeline.local.environment import MALLOC

PROJECT = Path(__file__).parents[2]
DOCKERFILE = PROJECT / "infra/docker/Dockerfile"
REQUIREMENTS = PROJECT / "infra/requirements"
INSTALLED = ("run", "server", "gpu")
TARGETS = ("cpu", "gpu")

Instruction = tuple[str, str]


def _instructions() -> list[Instruction]:
    text = "\n".join(
        line for line in DOCKERFILE.read_text().splitlines() if not line.lstrip().startswith("#")
    )
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    pairs = (line.partition(" ") for line in lines if line)
    return [(name, value) for name, _, value in pairs]


def _stages() -> dict[str, list[Instruction]]:
    stages: dict[str, list[Instruction]] = {}
    for name, value in _instructions():
        if name == "FROM":
            stages[value.split(" AS ")[1]] = []
        if stages:
            list(stages.values())[-1].append((name, value))
    return stages


def _whole(stage: str) -> list[Instruction]:
    """A stage's instructions, after those of the stages that it is based on."""
    stages = _stages()
    (_, source), *_ = stages[stage]
    parent = source.split(" AS ")[0]
    return (_whole(parent) if parent in stages else []) + stages[stage]


def _pins(name: str) -> dict[str, str]:
    text = (REQUIREMENTS / f"{name}.txt").read_text()
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+) \\$", text, re.MULTILINE))


def test_dockerfile_passes_hadolint() -> None:
    command = [str(Path(sys.executable).with_name("hadolint")), "--no-color", str(DOCKERFILE)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.stdout, ended.returncode) == ("", 0)
    assert "hadolint ignore" not in DOCKERFILE.read_text()


def test_base_is_one_exact_python() -> None:
    bases = [stage for stage in _stages() if len([i for i in _whole(stage) if i[0] == "FROM"]) == 1]
    assert bases == ["base"]
    assert _stages()["base"] == [("FROM", "docker.io/library/python:${PYTHON} AS base")]
    (name, version), *_ = _instructions()
    assert name == "ARG"
    assert re.fullmatch(r"PYTHON=3\.11\.\d+-slim-bookworm", version)


@pytest.mark.parametrize("target", TARGETS)
def test_target_runs_as_a_numbered_user(target: str) -> None:
    # Kubernetes can't verify that a named user is not root.
    users = [value for name, value in _whole(target) if name == "USER"]
    assert users[-1] == "10001:10001"
    variables = " ".join(value for name, value in _whole(target) if name == "ENV")
    assert "HOME=/home/captionflow" in variables


def test_requirements_do_not_depend_on_code() -> None:
    for name, value in _whole("requirements"):
        if name in ("COPY", "ADD"):
            *sources, _ = value.split()
            assert all(source.startswith("infra/requirements/") for source in sources), value


@pytest.mark.parametrize("target", TARGETS)
def test_target_gets_the_code_last(target: str) -> None:
    layers = [line for line in _whole(target) if line[0] in ("COPY", "ADD", "RUN")]
    assert layers[-1] == ("COPY", "--from=project /opt/project /opt/venv")


@pytest.mark.parametrize("target", TARGETS)
def test_target_keeps_nothing_of_the_installer(target: str) -> None:
    # pip, its cache and the secret exist while a command runs, but are in no layer.
    for name, value in _whole(target):
        if name == "RUN" and "/pip " in value:
            for mount in (
                "type=cache,target=/root/.cache/pip",
                "type=secret,id=pip.conf",
            ):
                assert f"--mount={mount} " in value
            assert "--cache-dir /root/.cache/pip " in value
            assert value.endswith("&& rm -rf /tmp/tools")
        assert name not in ("ARG", "ENV") or "PIP_" not in value


def test_copied_files_are_there_and_not_ignored() -> None:
    lines = (PROJECT / ".dockerignore").read_text().splitlines()
    assert "*" in lines
    allowed = [line[1:] for line in lines if line.startswith("!")]
    assert all((PROJECT / path).exists() for path in allowed)
    for name, value in _instructions():
        if name == "COPY" and "--from" not in value:
            for source in value.split()[:-1]:
                assert (PROJECT / source).exists(), source
                assert any(source == path or source.startswith(f"{path}/") for path in allowed)


@pytest.mark.parametrize("name", [*INSTALLED, "test"])
def test_requirements_are_pinned_with_hashes_and_name_no_index(name: str) -> None:
    text = (REQUIREMENTS / f"{name}.txt").read_text()
    assert "://" not in text
    text = re.sub(r"^ +#.*\n", "", text, flags=re.MULTILINE)
    wanted = text.replace("\\\n", "").splitlines()
    assert len(wanted) > 100
    for line in wanted:
        assert re.fullmatch(r"[a-z0-9-]+==[\w.]+( +--hash=sha256:[0-9a-f]{64})+", line), line


def test_every_installation_checks_hashes() -> None:
    commands = [value for name, value in _instructions() if name == "RUN" and "/pip " in value]
    from_lists = [value for value in commands if re.search(r" -r \S", value)]
    assert len(from_lists) == 4
    for value in from_lists:
        assert value.count("--require-hashes ") == len(re.findall(r" -r \S", value))


def test_setuptools_that_builds_packages_is_taken_with_its_hashes(tmp_path: Path) -> None:
    script = {
        found for _, value in _instructions() for found in re.findall(r"sed -n ('.+?')", value)
    }
    (program,) = script
    source = REQUIREMENTS / "run.txt"
    done = subprocess.run(
        [str(shutil.which("sed")), "-n", program.strip("'"), str(source)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if not line.startswith("    #")]
    assert lines[0] == f"setuptools=={_pins('run')['setuptools']} \\"
    assert lines[1:]
    assert all("--hash=sha256:" in line for line in lines[1:])


@pytest.mark.parametrize("name", ["server", "gpu"])
def test_requirements_that_come_on_top_change_none_below(name: str) -> None:
    # They are installed with --no-deps into one environment, one after the other.
    below, above = _pins("run"), _pins(name)
    assert {package: above.get(package) for package in below} == below


def test_gpu_layer_has_cuda_alone() -> None:
    packages = _pins("gpu").keys() - _pins("run").keys()
    assert "nvidia-cudnn-cu12" in packages
    assert all(package.startswith("nvidia-") for package in packages)


def test_image_has_the_version_of_the_project() -> None:
    version = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["version"]
    stages = _stages()
    for target in TARGETS:
        assert ("ARG", f"VERSION={version} REVISION=unknown") in stages[target]
    assert IMAGE.rpartition(":")[2] == version


@pytest.mark.parametrize("target", TARGETS)
def test_target_has_the_settings_of_memory_of_a_local_run(target: str) -> None:
    set_there = dict(
        pair.split("=", 1)
        for name, value in _whole(target)
        if name == "ENV"
        for pair in value.split()
    )
    assert MALLOC.items() <= set_there.items()


@pytest.mark.parametrize("target", TARGETS)
def test_target_has_labels(target: str) -> None:
    labels = " ".join(value for name, value in _whole(target) if name == "LABEL")
    for label in ("title", "description", "licenses", "version", "revision"):
        assert re.search(rf'org\.opencontainers\.image\.{label}="[^"]+"', labels), label


def test_health_command_works_here() -> None:
    (check,) = [value for name, value in _instructions() if name == "HEALTHCHECK"]
    program, *arguments = json.loads(check[check.index("[") :])
    assert program == "captionflow"
    command = [sys.executable, "-m", "pipeline.cli", *arguments]
    ended = subprocess.run(
        command, cwd=PROJECT, env={}, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout


def test_project_installs_whole(tmp_path: Path) -> None:
    # As in the image: files that setuptools leaves out would only be missing on a cluster.
    source, wheels = tmp_path / "source", tmp_path / "wheels"
    source.mkdir()
    for folder in ("components", "pipeline"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(PROJECT / folder, source / folder, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, source)
    files = {
        path.relative_to(source).as_posix()
        for folder in ("components", "pipeline")
        for path in (source / folder).rglob("*")
        if path.is_file() and path.suffix != ".md"
    }
    options = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    command = [sys.executable, "-m", "pip", "wheel", *options, "-w", str(wheels), str(source)]
    subprocess.run(command, check=True)
    (wheel,) = wheels.iterdir()
    with zipfile.ZipFile(wheel) as archive:
        assert files <= set(archive.namelist())
