"""Fixtures for all tests; more are in `fixtures/`, by what they provide."""

import logging
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

# First that which the others import.
pytest_plugins = (
    "workers", "warm_processes", "disks", "java_programs", "mlflow_stores", "object_stores",
    "small_runs", "tiny_bundles",
)  # fmt: skip


def pytest_configure() -> None:
    import few_collections  # noqa: F401 # for its effect

    # As in the image, whatever the shell has set: tests of commands require that they print nothing
    # but their own messages.
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"


# Module scope, since Playwright keeps an event loop running in this thread.
@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Headless Chromium, driven by Playwright; it can only reach the loopback address."""
    from playwright.sync_api import sync_playwright

    names = ("chromium", "chromium-browser", "google-chrome")
    program = next(filter(None, map(shutil.which, names)), None)
    if program is None:
        pytest.skip(f"no browser is installed: none of {', '.join(names)}")
    flags = ["--disable-background-networking", "--disable-component-update"]
    flags += ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=flags)
        yield browser
        browser.close()


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    # A step in this process logs to a standard output that pytest closes.
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


# What our commands and components set or read. Libraries set other variables when imported.
_OUR_VARIABLES = ("CAPTIONFLOW_", "KFP_", "KF_PIPELINES_", "MALLOC_", "MLFLOW_")


@pytest.fixture(autouse=True)
def restored_environment() -> Iterator[None]:
    # Commands set variables for their process and its steps (`pipeline.local.environment`), and so
    # does the first connection to MLflow (`components.registry.client`). In a test that process is
    # pytest's: without this, `captionflow serve` with a wrong address left MLFLOW_TRACKING_URI set,
    # and the next tests used the store of that test.
    before = _our_environment()
    yield
    for name in _our_environment().keys() - before:
        del os.environ[name]
    os.environ.update(before)


def _our_environment() -> dict[str, str]:
    return {name: text for name, text in os.environ.items() if name.startswith(_OUR_VARIABLES)}


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """Returns a function that finds a free port of this machine."""

    def find() -> int:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            return int(listener.getsockname()[1])

    return find


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder where programs are looked for."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder
