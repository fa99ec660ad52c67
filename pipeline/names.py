"""The pipeline's name."""

#: What `pipeline.dag` calls the pipeline.
PIPELINE = "captionflow"
