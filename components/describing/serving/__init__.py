"""The model server: captions over HTTP for programs, with MLflow's scoring protocol.

`captionflow serve` runs it.
"""
