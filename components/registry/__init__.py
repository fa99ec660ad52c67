"""MLflow: runs, registered models, and which version is champion."""
