"""Says whether MLflow can be used from here: that it answers, and that its artifact store works."""

import os

from components.errors import CaptionflowError
from pipeline.finding import Finding

# Of a server one wants to know now, not after the minutes that a step would wait for it (seconds).
# For an artifact the server makes several requests to its store, and repeats those that fail.
_PATIENCE, _ARTIFACT_PATIENCE = 10, 60


def check_mlflow(uri: str, *, write: bool) -> Finding:
    """Asks MLflow for an experiment, with the credentials that a step would use.

    Args:
        uri: `MLFLOW_TRACKING_URI`; empty if that is not set.
        write: Whether to write, read and remove an artifact as well. Its run is deleted; the
            experiment `captionflow-doctor` stays.
    """
    if not uri:
        return Finding("tracking", "MLFLOW_TRACKING_URI is not set, local runs make their own")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    patience = _ARTIFACT_PATIENCE if write else _PATIENCE
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", str(patience))
    # Here, since `--help` is to come at once.
    from components.registry.client import check_connection, sqlite_file, without_credentials

    database = sqlite_file(uri)
    if database is not None and not database.exists():
        # To look at it would make it.
        return Finding("tracking", f"{uri} is not there yet, the first run makes it")
    try:
        check_connection()
        if write:
            from components.registry.artifact_check import check_artifact_store

            check_artifact_store()
    except CaptionflowError as error:
        return Finding("tracking", str(error), ok=False)
    did = ", and an artifact could be written, read and removed" if write else ""
    return Finding("tracking", f"{without_credentials(uri)} answers{did}")
