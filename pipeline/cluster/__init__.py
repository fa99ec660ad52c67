"""Runs and schedules on a Kubeflow Pipelines (KFP) server, with kfp's own client."""
