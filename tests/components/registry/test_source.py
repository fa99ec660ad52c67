from pathlib import Path

import pytest

from components.artifacts.git_commit import Commit
from components.registry import source
from components.registry.runs import start_run
from components.registry.source import commit_of, source_tags


@pytest.mark.parametrize("modified", [True, False])
def test_commit_of_a_run_is_the_one_that_it_recorded(
    modified: bool, mlflow_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = Commit("c" * 40, modified)
    monkeypatch.setattr(source, "git_commit", lambda: commit)
    assert commit_of(start_run("photos", "first", {}, source_tags())) == commit


def test_commit_of_a_run_outside_a_checkout_is_unknown(
    mlflow_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "git_commit", lambda: None)
    assert source_tags() == {}
    assert commit_of(start_run("photos", "first", {}, source_tags())) is None
