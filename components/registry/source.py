"""The Git commit of a run, in the tags that MLflow itself uses for it."""

from mlflow.utils.mlflow_tags import MLFLOW_GIT_COMMIT, MLFLOW_GIT_DIRTY

from components.artifacts.git_commit import Commit, git_commit
from components.registry.client import mlflow_client


def source_tags() -> dict[str, str]:
    """Returns the tags of the commit that is checked out; none if that is unknown."""
    commit = git_commit()
    if commit is None:
        return {}
    return {MLFLOW_GIT_COMMIT: commit.hash, MLFLOW_GIT_DIRTY: str(commit.modified).lower()}


def commit_of(run_id: str) -> Commit | None:
    """Returns the commit that a run recorded; None if it recorded none.

    Args:
        run_id: The run's id.

    Raises:
        CaptionflowError: If MLflow can't be used, or has no such run.
    """
    with mlflow_client() as client:
        tags = client.get_run(run_id).data.tags
    if MLFLOW_GIT_COMMIT not in tags:
        return None
    return Commit(tags[MLFLOW_GIT_COMMIT], tags.get(MLFLOW_GIT_DIRTY) == "true")
