"""Checks of the pipeline's requirements: versions, devices, MLflow and stores."""
