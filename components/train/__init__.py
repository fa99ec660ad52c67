"""Trains the caption network on features and captions, with early stopping and resume."""
