"""The commands of infra/README.md: valid bash, which creates what the manifests read."""

import base64
import configparser
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import typer.main
import yaml
from manifests import KUBECTL

from pipeline.kubeflow import app

PROJECT = Path(__file__).parents[3]
README = (PROJECT / "infra/README.md").read_text()
BLOCKS = re.findall(r"^```bash\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
BASH = str(shutil.which("bash"))


def _block(words: str) -> str:
    (found,) = (block for block in BLOCKS if words in block)
    return str(found)


def _ini(text: str) -> configparser.SectionProxy:
    parser = configparser.ConfigParser()
    parser.read_string(text)
    return parser["mlflow"]


def test_blocks_are_bash() -> None:
    assert len(BLOCKS) > 10
    for block in BLOCKS:
        subprocess.run([BASH, "-n"], input=block, check=True, text=True)


def test_blocks_name_only_what_exists() -> None:
    paths = set(re.findall(r"\binfra/[\w/.-]*\w", "".join(BLOCKS)))
    assert {f"infra/kubernetes/overlays/{name}" for name in ("local", "gke")} <= paths
    assert all((PROJECT / path).exists() for path in paths)


@pytest.mark.parametrize(
    ("file", "named"),
    [
        ("infra/README.md", {"compile", "submit", "schedule"}),
        ("README.md", {"compile", "submit", "schedule"}),
    ],
)
def test_commands_of_this_project_exist(file: str, named: set[str]) -> None:
    known: Any = typer.main.get_command(app)
    lines = (PROJECT / file).read_text().replace("\\\n", "").splitlines()
    said = [line.split() for line in lines if re.match("captionflow (compile|submit|sched)", line)]
    assert {words[1] for words in said} == named
    for words in said:
        flags = {flag for option in known.commands[words[1]].params for flag in option.opts}
        assert {word for word in words if word.startswith("--")} <= flags


def test_kfp_server_is_of_clients_version() -> None:
    requirements = (PROJECT / "infra/requirements/run.txt").read_text()
    (client,) = re.findall(r"^kfp==(\S+)", requirements, re.MULTILINE)
    assert f"KFP={client} " in _block("cluster-scoped-resources")


def test_tear_down_removes_what_outlives_the_overlay(overlay: Any, created_elsewhere: Any) -> None:
    # A deleted StatefulSet leaves its claims, and the page's Secrets are not part of the overlay.
    script = _block("delete persistentvolumeclaim")
    for server in overlay.of_kind("StatefulSet"):
        for claim in server["spec"]["volumeClaimTemplates"]:
            name = f"{claim['metadata']['name']}-{server['metadata']['name']}-0"
            assert f" {name} " in script
    for kind, name in created_elsewhere["readme"]:
        assert kind == "Secret"
        assert f" {name} " in script


def test_placeholders_are_replaced(render: Any) -> None:
    (script,) = re.findall(r'sed -e "(.+)"', _block("overlays/gke"))
    values = {"REGISTRY": "registry.example/x", "PROJECT_ID": "photos", "BUCKET": "photos-1"}
    for name, value in values.items():
        script = script.replace(f"${name}", value)
    filled = subprocess.run(
        [str(shutil.which("sed")), "-e", script], input=render("gke").text,
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    for name, value in values.items():
        assert name in render("gke").text
        assert name not in filled
        assert value in filled
        assert name not in render("local").text


def test_secrets_are_created(created_elsewhere: Any) -> None:
    for _, name in created_elsewhere["readme"]:
        assert f"kubectl create secret generic {name} --namespace kubeflow" in README


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """The Secrets that the page's commands create for the overlay `local`."""
    if shutil.which("openssl") is None:
        pytest.skip("the commands make passwords with openssl")
    home = tmp_path_factory.mktemp("home")
    # The unchanged commands, but without a cluster.
    offline = f'kubectl() {{ "{KUBECTL}" "$@" --dry-run=client --output=yaml; echo ---; }}'
    blocks = map(
        _block, ("openssl rand -base64", "export DATABASE=mlflow", "generic mlflow-server")
    )
    done = subprocess.run(
        [BASH, "-eu"], input="\n".join([offline, *blocks]), text=True, check=True,
        capture_output=True, env={"HOME": str(home), "PATH": os.environ["PATH"]},
    )  # fmt: skip
    assert (home / ".captionflow").stat().st_mode & 0o077 == 0
    return {
        secret["metadata"]["name"]: {
            key: base64.b64decode(value).decode() for key, value in secret["data"].items()
        }
        for secret in yaml.safe_load_all(done.stdout)
        if secret
    }


def test_secrets_have_keys_that_pods_read(overlay: Any, made: Any) -> None:
    read = {(name, key) for kind, name, key in overlay.references() if kind == "Secret" and key}
    assert {name for name, _ in read} & made.keys()
    assert all(key in made[name] for name, key in read if name in made)
    # MLflow's client looks for this file name.
    assert made["mlflow-credentials"].keys() == {"credentials"}


def test_database_address_is_the_overlays(render: Any, made: Any, ports_of: Any) -> None:
    overlay = render("local")
    container = overlay.container("StatefulSet", "mlflow-postgres")
    environment = {entry["name"]: entry["value"] for entry in container["env"]}
    service = overlay.named("Service", "mlflow-postgres")
    (pod,) = overlay.selected(service["spec"]["selector"])
    uri = urlsplit(made["mlflow-server"]["database-uri"])
    # Without a driver's name, SQLAlchemy 2.1 requires one that the image lacks.
    assert uri.scheme == "postgresql+psycopg2"
    assert uri.username == environment["POSTGRES_USER"]
    assert uri.path == f"/{environment['POSTGRES_DB']}"
    assert uri.password == made["mlflow-server"]["database-password"]
    assert uri.hostname == f"mlflow-postgres.{service['metadata']['namespace']}.svc.cluster.local"
    assert uri.port in ports_of(pod).values()
    assert _ini(made["mlflow-server"]["basic_auth.ini"])["database_uri"] == uri.geturl()


def test_runs_are_not_the_admin(made: Any) -> None:
    server = _ini(made["mlflow-server"]["basic_auth.ini"])
    client = _ini(made["mlflow-credentials"]["credentials"])
    user = client["mlflow_tracking_username"]
    assert user != server["admin_username"]
    assert f'"username": "{user}"' in _block("mlflow/users/create")
    passwords = {
        server["admin_password"],
        client["mlflow_tracking_password"],
        made["mlflow-server"]["database-password"],
        made["mlflow-server"]["flask-secret-key"],
    }
    assert len(passwords) == 4
    assert {len(password) for password in passwords} == {48}
