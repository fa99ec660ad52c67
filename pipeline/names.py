"""The pipeline's name."""

#: Name of the pipeline in KFP.
PIPELINE = "captionflow"
