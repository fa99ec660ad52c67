"""Checks of what the pipeline needs: versions, devices, MLflow and stores."""
