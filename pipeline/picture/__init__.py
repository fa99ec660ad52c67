"""A picture of the DAG, drawn from its compiled package: `python -m pipeline.picture`."""
