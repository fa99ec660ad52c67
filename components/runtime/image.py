"""The container image of all steps."""

#: On a cluster the parameter `image` names it with its registry.
IMAGE = "captionflow-python:0.1.0"
