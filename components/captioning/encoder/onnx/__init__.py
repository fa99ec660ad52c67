"""Encoders from an ONNX file: the folder, its checks, the preprocessing and the computation."""

import os

# As soon as it is imported, onnxruntime 1.32 otherwise identifies this machine by a file in the
# folder for temporary files, and reports to Microsoft how it is used.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
