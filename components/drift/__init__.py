"""Drift: whether the photos that people ask about still resemble the training photos."""
