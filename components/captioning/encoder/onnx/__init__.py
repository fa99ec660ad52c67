"""Encoders from an ONNX file: the folder, its checks, the preprocessing and the computation."""
