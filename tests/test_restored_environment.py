"""The fixture `restored_environment` of conftest.py: a test leaves no variable of ours behind."""

import os
import subprocess
import sys
from pathlib import Path

_CONFTEST = Path(__file__).with_name("conftest.py")
_TESTS = """
import os
from pathlib import Path

from pipeline.local.environment import set_environment


def test_that_sets_the_environment_as_commands_do(tmp_path: Path) -> None:
    set_environment(tmp_path)
    os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] = "7"
    del os.environ["KFP_UI_URL"]


def test_after_it() -> None:
    assert "MLFLOW_TRACKING_URI" not in os.environ
    assert "MALLOC_ARENA_MAX" not in os.environ
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "5"
    assert os.environ["KFP_UI_URL"] == "http://kfp"
"""


def test_environment_is_the_same_after_each_test(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(_CONFTEST.read_text())
    (tmp_path / "test_two.py").write_text(_TESTS)
    ours = ("MLFLOW_", "MALLOC_", "PYTEST_")
    environment = {n: text for n, text in os.environ.items() if not n.startswith(ours)}
    environment |= {"KFP_UI_URL": "http://kfp", "MLFLOW_HTTP_REQUEST_TIMEOUT": "5"}
    tests = Path(__file__).parent
    environment["PYTHONPATH"] = os.pathsep.join([str(tests.parent), str(tests / "fixtures")])
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        capture_output=True, text=True, check=False, cwd=tmp_path, env=environment,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout
    assert "2 passed" in ended.stdout
