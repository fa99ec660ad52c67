"""Metrics of captions, and of the confidence in them."""
