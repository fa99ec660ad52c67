"""Says whether MLflow can be used from here: that it answers, and that its artifact store works."""

import os
import secrets
from pathlib import Path
from tempfile import TemporaryDirectory

from components.errors import CaptionflowError
from pipeline.finding import Finding

#: The MLflow experiment that holds the artifact for a moment.
EXPERIMENT = "captionflow-doctor"
_FILE = "doctor.txt"
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
    from components.platform.tracking import mlflow_client, sqlite_file, without_credentials

    database = sqlite_file(uri)
    if database is not None and not database.exists():
        # To look at it would make it.
        return Finding("tracking", f"{uri} is not there yet, the first run makes it")
    try:
        with mlflow_client() as client:
            client.search_experiments(max_results=1)
        if write:
            _try_artifacts()
    except CaptionflowError as error:
        return Finding("tracking", str(error), ok=False)
    did = ", and an artifact could be written, read and removed" if write else ""
    return Finding("tracking", f"{without_credentials(uri)} answers{did}")


def _try_artifacts() -> None:
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    from components.platform.registry import start_run
    from components.platform.tracking import mlflow_client, without_credentials

    text = secrets.token_hex()
    run_id = start_run(EXPERIMENT, "doctor", {})
    with mlflow_client() as client:
        place = str(client.get_run(run_id).info.artifact_uri)
        doing = "written to"
        try:
            client.log_text(run_id, text, _FILE)
            doing = "read from"
            with TemporaryDirectory() as folder:
                found = Path(client.download_artifacts(run_id, _FILE, folder)).read_text()
            doing = "removed from"
            get_artifact_repository(place).delete_artifacts(_FILE)
        except Exception as error:  # of whichever client of a store: boto's, Google's, requests'
            reason = without_credentials(" ".join(str(error).split()))[:300]
            raise CaptionflowError(
                f"No artifact can be {doing} MLflow's store ({without_credentials(place)}): check "
                "where the server keeps artifacts (MLFLOW_ARTIFACTS_DESTINATION, and for s3:// "
                f"MLFLOW_S3_ENDPOINT_URL) and its log. Received: {reason or type(error).__name__}"
            ) from error
        finally:
            client.delete_run(run_id)
    if found != text:
        raise CaptionflowError(f"MLflow's artifact store at {place} gave back another text")
