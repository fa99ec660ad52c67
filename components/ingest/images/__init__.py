"""Checks whether photos can be used, and limits how many may fail."""
