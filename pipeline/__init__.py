"""The pipeline: which steps run, where they run, and the command line."""
