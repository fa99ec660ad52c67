"""MLflow: runs, registered models, and which version is champion."""

import os

# MLflow otherwise reports to its makers how it is used.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
