"""The `sample` data set: simple scenes, drawn and described by this project."""
