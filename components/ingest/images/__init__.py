"""Checks of photos: whether each can be decoded, and how many may fail."""
