"""Runs and schedules on a Kubeflow Pipelines (KFP) server, through kfp's own client."""
