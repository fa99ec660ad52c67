"""Checks that MLflow responds, and that its artifact store works."""

import os

from components.errors import CaptionflowError
from pipeline.doctor.finding import Finding

# Seconds to wait for MLflow; a step would wait minutes. For an artifact, the server sends several
# requests to its store and repeats those that fail.
_TIMEOUT, _ARTIFACT_TIMEOUT = 10, 60
_SUBJECT = "tracking"


def check_mlflow(uri: str, *, write: bool) -> Finding:
    """Requests an experiment from MLflow, with the credentials that a step would use.

    Args:
        uri: `MLFLOW_TRACKING_URI`; empty if it is not set.
        write: Whether to also write, read and delete an artifact. Its run is deleted as well; the
            experiment `captionflow-doctor` remains.
    """
    if not uri:
        return Finding(_SUBJECT, "MLFLOW_TRACKING_URI is not set; local runs use their work folder")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    timeout = _ARTIFACT_TIMEOUT if write else _TIMEOUT
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", str(timeout))
    # Imported late, so that `--help` appears at once.
    from components.registry.client import check_connection, sqlite_file, without_credentials

    database = sqlite_file(uri)
    if database is not None and not database.exists():
        # Connecting would create it.
        return Finding(_SUBJECT, f"{uri} does not exist yet; the first run creates it")
    try:
        check_connection()
        if write:
            from components.registry.artifact_check import check_artifact_store

            check_artifact_store()
    except CaptionflowError as error:
        return Finding(_SUBJECT, str(error), ok=False)
    written = "; an artifact was written, read and deleted" if write else ""
    return Finding(_SUBJECT, f"{without_credentials(uri)} responds{written}")
