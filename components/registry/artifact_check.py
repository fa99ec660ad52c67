"""A check that MLflow's artifact store can be written, read and cleaned up."""

import secrets
from pathlib import Path
from tempfile import TemporaryDirectory

from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from components.errors import CaptionflowError
from components.registry.client import mlflow_client, without_credentials
from components.registry.runs import start_run

#: The MLflow experiment of the check's runs, which are deleted again.
EXPERIMENT = "captionflow-doctor"
_FILE = "doctor.txt"
_LONGEST_REASON = 300  # characters


def check_artifact_store() -> None:
    """Writes an artifact into MLflow's store, reads it back and removes it.

    Raises:
        CaptionflowError: If one of these fails; it says what failed and where the store is.
    """
    text = secrets.token_hex()
    run_id = start_run(EXPERIMENT, "doctor", {})
    with mlflow_client() as client:
        uri = str(client.get_run(run_id).info.artifact_uri)
        action = "written to"
        try:
            client.log_text(run_id, text, _FILE)
            action = "read from"
            with TemporaryDirectory(prefix="captionflow-") as folder:
                found = Path(client.download_artifacts(run_id, _FILE, folder)).read_text()
            action = "removed from"
            get_artifact_repository(uri).delete_artifacts(_FILE)
        except Exception as error:  # from any store's client: boto, Google's or requests
            reason = without_credentials(" ".join(str(error).split()))[:_LONGEST_REASON]
            raise CaptionflowError(
                f"No artifact can be {action} MLflow's store ({without_credentials(uri)}): check "
                "where the server keeps artifacts (MLFLOW_ARTIFACTS_DESTINATION, and for s3:// "
                f"MLFLOW_S3_ENDPOINT_URL) and its log. Received: {reason or type(error).__name__}"
            ) from error
        finally:
            client.delete_run(run_id)
    if found != text:
        raise CaptionflowError(f"MLflow's artifact store at {uri} returned different content")
