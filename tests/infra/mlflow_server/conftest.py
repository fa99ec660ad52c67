"""The MLflow server of the manifests over a real PostgreSQL, as processes of this machine."""

import contextlib
import os
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import postgres
import pytest
import requests
from cryptography.fernet import Fernet
from manifests import INFRA, only, render


@pytest.fixture(scope="package")
def database() -> Iterator[Any]:
    with postgres.running_database() as database:
        yield database


def _secret_files(home: Path, passwords: dict[str, str], port: int) -> Path:
    """Creates the files of the Secrets with the commands of infra/README.md, without a cluster."""
    folder = home / ".captionflow"
    folder.mkdir()
    for name, password in passwords.items():
        (folder / name).write_text(password)
    blocks = re.findall(r"^```bash\n(.*?)^```", (INFRA / "README.md").read_text(), re.M | re.S)
    (script,) = (block for block in blocks if "> basic_auth.ini" in block)
    assert script.count(":5432/") == 1
    subprocess.run(
        ["bash", "-c", f"kubectl() {{ :; }}\n{script.replace(':5432/', f':{port}/')}"],  # noqa: S607 # wherever bash is
        check=True,
        env={
            "PATH": os.environ["PATH"], "HOME": str(home),
            "DATABASE": "127.0.0.1", "DATABASE_OPTIONS": "",
        },
    )  # fmt: skip
    return folder


def _container() -> dict[str, Any]:
    deployment = only(render("kubernetes/overlays/local"), "Deployment", "mlflow")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return dict(container)


def _command(container: dict[str, Any], port: int) -> list[str]:
    """Returns the container's command with this machine's program, host and port."""
    program, *arguments = [*container["command"], *container["args"]]
    here = {"--host=0.0.0.0": "--host=127.0.0.1", "--port=5000": f"--port={port}"}
    assert set(here) < set(arguments)
    return [
        str(Path(sys.executable).with_name(program)),
        *(here.get(argument, argument) for argument in arguments),
    ]


def _environment(
    container: dict[str, Any], files: Path, mounted: dict[str, Path], artifacts: Path
) -> dict[str, str]:
    """Returns the container's environment with this machine's paths, and secrets from files."""
    environment = {"PATH": os.defpath}
    for entry in container["env"]:
        name, value = entry["name"], entry.get("value")
        secret = entry.get("valueFrom", {}).get("secretKeyRef")
        if value is not None:
            place = next((path for path in mounted if f"{value}/".startswith(f"{path}/")), "")
            value = value.replace(place, str(mounted[place]), 1) if place else value
            environment[name] = value
        elif secret["name"] == "mlflow-server":
            environment[name] = (files / secret["key"]).read_text()
        # The other Secrets are the object store's, which a folder replaces here.
    assert "MLFLOW_ARTIFACTS_DESTINATION" in environment
    return environment | {"MLFLOW_ARTIFACTS_DESTINATION": str(artifacts)}


@dataclass
class Server:
    """The server of the Deployment's container, as a process.

    Attributes:
        command: What is started.
        environment: All of its environment.
        folder: Holds `artifacts`, `log`, `tmp`, and `work`, in which it is started.
        uri: Its address.
        database: Where it keeps runs, models and accounts.
        passwords: By the names that infra/README.md gives their files.
        credentials: The file that the Secret `mlflow-credentials` brings into a step.
    """

    command: list[str]
    environment: dict[str, str]
    folder: Path
    uri: str
    database: Any
    passwords: dict[str, str]
    credentials: Path
    process: Any = None

    def start(self) -> None:
        log = self.folder / "log"
        self.process = postgres.start(
            self.command, log, ended_by=signal.SIGTERM,
            cwd=self.folder / "work", env=self.environment,
        )  # fmt: skip
        postgres.wait_until(self.answers, self.process, log)

    def answers(self) -> bool:
        with contextlib.suppress(requests.ConnectionError):
            return requests.get(f"{self.uri}/health", timeout=60).ok
        return False

    def kill(self) -> None:
        if self.process is not None:
            postgres.kill(self.process)


@pytest.fixture(scope="package")
def server(database: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder, port = tmp_path_factory.mktemp("mlflow-server"), postgres.free_port()
    for name in ("artifacts", "tmp", "work"):
        (folder / name).mkdir()
    made = ("admin-password", "run-password", "flask-secret-key")
    passwords = {name: secrets.token_hex() for name in made}
    passwords["database-password"] = database.password
    passwords["webhook-secret-key"] = Fernet.generate_key().decode()
    files = _secret_files(folder, passwords, database.port)
    container = _container()
    server = Server(
        command=_command(container, port),
        environment=_environment(
            container,
            files,
            {"/etc/mlflow": files, "/tmp": folder / "tmp"},  # noqa: S108 # the container's
            folder / "artifacts",
        ),
        folder=folder,
        uri=f"http://127.0.0.1:{port}",
        database=database,
        passwords=passwords,
        credentials=files / "credentials",
    )
    try:
        server.start()
        # The account of the runs, created as in infra/README.md, without the admin's permissions.
        requests.post(
            f"{server.uri}/api/2.0/mlflow/users/create",
            auth=("admin", passwords["admin-password"]),
            json={"username": "captionflow", "password": passwords["run-password"]},
            timeout=60,
        ).raise_for_status()
        yield server
    finally:
        server.kill()


@pytest.fixture(scope="module", autouse=True)
def environment(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A home with MLflow's own credentials file, as it is mounted into a step."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("home")
        (home / ".mlflow").mkdir()
        (home / ".mlflow" / "credentials").write_text(server.credentials.read_text())
        patch.setenv("HOME", str(home))
        patch.setenv("MLFLOW_TRACKING_URI", server.uri)
        for name in ("USERNAME", "PASSWORD", "TOKEN"):
            patch.delenv(f"MLFLOW_TRACKING_{name}", raising=False)
        yield
