"""Artifacts on disk: formats, checksums, atomic writes, fingerprints."""
