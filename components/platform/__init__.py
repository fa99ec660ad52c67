"""Plumbing: the step decorator, whole-or-nothing artifacts, storage, Beam, the model registry."""
